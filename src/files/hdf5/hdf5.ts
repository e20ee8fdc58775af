import { Problem } from '../../domain/problems.ts';
import { DEFAULT_FILE_LIMITS, type FileLimits, invalidFile, requireWithin } from '../bounds.ts';
import { createThreads } from './threads.ts';
import type { Hdf5Request, HdfTree } from './tree.ts';

const FORMAT = 'HDF5';
const SIGNATURE = [0x89, 0x48, 0x44, 0x46, 0x0d, 0x0a, 0x1a, 0x0a];
/** Memory that the library needs at its start and for its own tables. */
const OWN_MEMORY_BYTES = 64 * 2 ** 20;

export interface Hdf5 {
  /** @throws {Problem} invalid-file for any fault, limit-exceeded for a file over `limits`, overloaded on a busy machine. */
  read(bytes: Uint8Array, limits?: FileLimits): Promise<HdfTree>;
  write(tree: HdfTree): Promise<Uint8Array>;
}

interface Hdf5Options {
  /** Files worked on at once; others wait. Each has a thread of its own, which takes about 20 MB and 0.2 s to start. */
  readonly concurrency?: number;
  /** A file that takes more time of a processor is refused: damaged ones can make the library loop (1 in 200 of random damage does). */
  readonly timeoutMs?: number;
}

/** HDF5 through h5wasm, in threads of its own (worker.ts). */
export function createHdf5({ concurrency = 2, timeoutMs = 10_000 }: Hdf5Options = {}): Hdf5 {
  const threads = createThreads(timeoutMs);
  const waiting: (() => void)[] = [];
  let running = 0;

  async function inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
    if (running >= concurrency) await new Promise<void>((resolve) => waiting.push(resolve));
    else running += 1;
    try {
      return await work();
    } finally {
      const next = waiting.shift();
      if (next) next();
      else running -= 1;
    }
  }

  return {
    async read(bytes, limits = DEFAULT_FILE_LIMITS) {
      requireWithin(FORMAT, 'bytes', bytes.length, limits.maxFileBytes);
      if (SIGNATURE.some((byte, at) => bytes[at] !== byte))
        throw invalidFile(FORMAT, 'it does not start with the HDF5 signature.');
      const memoryBytes = OWN_MEMORY_BYTES + 2 * limits.maxUnpackedBytes;
      const copy = new Uint8Array(bytes);
      const request: Hdf5Request = { kind: 'read', bytes: copy, limits, memoryBytes };
      const reply = await inTurn(() => threads.ask(request, [copy.buffer])).catch((error: unknown) => {
        if (error instanceof Problem) throw error;
        throw invalidFile(FORMAT, `the HDF5 library failed: ${error instanceof Error ? error.message : error}.`, error);
      });
      if ('problem' in reply) throw new Problem(reply.problem, reply.detail);
      if ('tree' in reply) return reply.tree;
      throw new Error('the HDF5 thread answered a read with a file');
    },

    async write(tree) {
      const bytes = [...tree.datasets.values()].reduce((sum, dataset) => sum + dataset.bytes.length, 0);
      const request: Hdf5Request = { kind: 'write', tree, memoryBytes: OWN_MEMORY_BYTES + 4 * bytes };
      const reply = await inTurn(() => threads.ask(request));
      if ('file' in reply) return reply.file;
      throw new Error('the HDF5 thread answered a write without a file');
    },
  };
}
