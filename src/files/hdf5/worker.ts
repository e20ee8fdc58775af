/**
 * The thread that the HDF5 library runs in: one job, then it ends. A file that breaks the library, fills its memory or
 * makes it loop can so be dropped with the thread, and nothing of one file is left in memory for the next.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { Problem } from '../../domain/problems.ts';
import { invalidFile } from '../bounds.ts';
import { readTree } from './reader.ts';
import type { Hdf5Reply, Hdf5Request } from './tree.ts';
import { writeTree } from './writer.ts';

const PATH = '/file.h5';

interface WasmMemory {
  readonly buffer: ArrayBufferLike;
  grow(pages: number): number;
}

/** The library grows its memory through this method of this thread. It reads an error as "no more memory". */
function boundMemory(bytes: number): void {
  // TypeScript has WebAssembly's types only for browsers.
  const { Memory }: { Memory: { prototype: WasmMemory } } = Reflect.get(globalThis, 'WebAssembly');
  const { grow } = Memory.prototype;
  Memory.prototype.grow = function (this: WasmMemory, pages: number) {
    if (this.buffer.byteLength + pages * 65536 > bytes) throw new RangeError(`more than ${bytes} bytes`);
    return grow.call(this, pages);
  };
}

async function run(request: Hdf5Request): Promise<Hdf5Reply> {
  boundMemory(request.memoryBytes);
  const { h5wasm } = await import('h5wasm');
  const library = await h5wasm.ready;
  library.activate_throwing_error_handler();
  if (request.kind === 'write') {
    writeTree(h5wasm, PATH, request.tree);
    return { file: library.FS.readFile(PATH) };
  }
  try {
    library.FS.writeFile(PATH, request.bytes);
    return { tree: readTree(library, PATH, request.limits) };
  } catch (error) {
    const problem = error instanceof Problem ? error : invalidFile('HDF5', `${reason(error)}.`);
    return { problem: problem.code === 'limit-exceeded' ? 'limit-exceeded' : 'invalid-file', detail: problem.message };
  }
}

/** The library reports a stack of lines like `#002: H5F.c line 12 in H5F_open(): no signature`; the last is the cause. */
function reason(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  const causes = [...text.matchAll(/#\d+: .*?\(\): (.+)/g)];
  return (causes.at(-1)?.[1] ?? text.split('\n', 1)[0]).slice(0, 200);
}

const reply = await run(workerData);
const datasets = 'tree' in reply ? [...reply.tree.datasets.values()] : [];
parentPort?.postMessage(
  reply,
  datasets.map(({ bytes }) => bytes.buffer),
);
