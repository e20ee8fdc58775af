import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * `node scripts/build-wasm.ts [--check]` compiles the AssemblyScript modules to the .wasm files that are committed beside
 * them; with --check it only tells, by its exit code, whether they are what it would write, byte for byte.
 */
interface WasmModule {
  readonly entry: string;
  readonly file: string;
  readonly options: readonly string[];
}

const COMMON = ['--runtime', 'stub', '--noAssert', '-O3', '--converge', '--enable', 'simd'];
/** The kernels work in a memory that threads share, which the engine makes. Each width has half of its first page. */
const kernels = (bits: 32 | 64) => [
  ...['--use', `Real=f${bits}`, '--memoryBase', bits === 32 ? '1024' : '32768'],
  ...['--enable', 'threads', '--importMemory', '--sharedMemory', '--noExportMemory'],
  ...['--initialMemory', '1', '--maximumMemory', '65536'],
];
const KERNELS = 'src/engine/simd/kernels/index.ts';

const MODULES: readonly WasmModule[] = [
  { entry: KERNELS, file: 'src/engine/simd/kernels/float32.wasm', options: kernels(32) },
  {
    entry: KERNELS,
    file: 'src/engine/simd/kernels/float32-relaxed.wasm',
    options: [...kernels(32), '--enable', 'relaxed-simd'],
  },
  { entry: KERNELS, file: 'src/engine/simd/kernels/float64.wasm', options: kernels(64) },
  { entry: 'src/http/numbers/kernels/index.ts', file: 'src/http/numbers/kernels/number-text.wasm', options: [] },
];

/** @throws {Error} with the compiler's complaints */
function compile({ entry, options }: WasmModule, directory: string): Uint8Array {
  const file = join(directory, 'module.wasm');
  const command = ['node_modules/assemblyscript/bin/asc.js', entry, '--outFile', file, ...COMMON, ...options];
  const { status, stderr } = spawnSync(process.execPath, command, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${entry} does not compile:\n${stderr}`);
  process.stderr.write(stderr);
  return readFileSync(file);
}

process.chdir(fileURLToPath(new URL('..', import.meta.url)));
const directory = mkdtempSync(join(tmpdir(), 'cellstep-wasm-'));
const check = process.argv.includes('--check');
for (const module of MODULES) {
  const binary = compile(module, directory);
  if (!check) {
    writeFileSync(module.file, binary);
    process.stdout.write(`${module.file}: ${binary.length} bytes\n`);
  } else if (Buffer.compare(binary, readFileSync(module.file)) !== 0) {
    process.stderr.write(`${module.file} is not what its sources say. Run \`npm run wasm\` and commit the result.\n`);
    process.exitCode = 1;
  }
}
rmSync(directory, { recursive: true });
