import { execFile, execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { MUTATIONS, type Mutation } from './mutations.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
/** Runs beside each other, and the time that one may take. */
const [LANES, MILLISECONDS] = [2, 400_000];

/** A fault in these is compiled before the tests run. */
const KERNELS = 'src/engine/simd/kernels/';
const BINARIES = readdirSync(join(root, KERNELS)).filter((file) => file.endsWith('.wasm'));

function copyTree(): string {
  const directory = mkdtempSync(join(tmpdir(), 'cellstep-mutate-'));
  const files = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], {
    cwd: root,
  }).toString();
  for (const file of files.split('\n').filter(Boolean)) cpSync(join(root, file), join(directory, file));
  symlinkSync(join(root, 'node_modules'), join(directory, 'node_modules'));
  return directory;
}

/** Whether a test fails with the fault. */
async function isCaught(directory: string, { file, text, mutant, tests }: Mutation): Promise<boolean> {
  const path = join(directory, file);
  const original = readFileSync(path, 'utf8');
  const faulty = original.replace(text, () => mutant);
  writeFileSync(path, faulty);
  const built = file.startsWith(KERNELS);
  if (built) buildKernels(directory);
  const fails = await failsIn(directory, tests);
  writeFileSync(path, original);
  if (built) for (const binary of BINARIES) cpSync(join(root, KERNELS, binary), join(directory, KERNELS, binary));
  return fails;
}

/** @throws where the fault does not compile */
function buildKernels(directory: string): void {
  execFileSync(process.execPath, ['scripts/build-wasm.ts'], { cwd: directory, stdio: 'ignore' });
}

function failsIn(directory: string, tests: readonly string[]): Promise<boolean> {
  const vitest = [join(root, 'node_modules/vitest/vitest.mjs'), 'run', ...tests, '--bail=1', '--maxWorkers=1'];
  // Properties try all their cases, as in `npm run test:drawn`.
  const env = { ...process.env, CELLSTEP_TEST_DRAWN: '1' };
  const options = { cwd: directory, env, timeout: MILLISECONDS, maxBuffer: 2 ** 26 };
  return new Promise((resolve) => {
    execFile(process.execPath, vitest, options, (error) => resolve(error !== null));
  });
}

/** Checks that each text is there once. @throws where one is not */
export function requireTexts(): void {
  for (const { file, text } of MUTATIONS) {
    const found = readFileSync(join(root, file), 'utf8').split(text).length - 1;
    if (found !== 1) throw new Error(`${file} has ${found} times: ${text}`);
  }
}

export interface Mutated {
  readonly mutation: Mutation;
  readonly caught: boolean;
}

/**
 * Puts the faults into copies of the tree, one after another.
 * @throws where a text is not there once, or the tests fail without a fault
 */
export async function mutate(queue: readonly Mutation[], progress: (line: string) => void): Promise<Mutated[]> {
  requireTexts();
  const directories = Array.from({ length: LANES }, copyTree);
  try {
    const tests = [...new Set(queue.flatMap((mutation) => mutation.tests))];
    if (await failsIn(directories[0], tests)) throw new Error('The tests fail without a fault.');
    const caught = new Map<Mutation, boolean>();
    const waiting = [...queue];
    const lane = async (directory: string) => {
      for (let next = waiting.shift(); next; next = waiting.shift()) {
        const found = await isCaught(directory, next);
        caught.set(next, found);
        progress(`${found ? 'caught' : 'SURVIVED'}: ${next.file}: ${next.text}`);
      }
    };
    await Promise.all(directories.map(lane));
    return queue.map((mutation) => ({ mutation, caught: caught.get(mutation) === true }));
  } finally {
    for (const directory of directories) rmSync(directory, { recursive: true, force: true });
  }
}
