import { type CurrentCaller, OWN_WORK } from '../../domain/caller.ts';
import { Problem } from '../../domain/problems.ts';
import { copied, nextTurn } from '../../threads/in-turns.ts';
import { Lane } from '../../threads/lane.ts';
import { DEFAULT_FILE_LIMITS, type FileLimits, invalidFile, requireWithin } from '../bounds.ts';
import { createThreads } from '../threads.ts';
import type { Hdf5Result, Hdf5Task, HdfDataset, HdfTree } from './tree.ts';

const FORMAT = 'HDF5';
const SCRIPT = new URL('./worker.ts', import.meta.url);
const SIGNATURE = [0x89, 0x48, 0x44, 0x46, 0x0d, 0x0a, 0x1a, 0x0a];
/** Memory that the library needs at its start and for its own tables. */
const OWN_MEMORY_BYTES = 64 * 2 ** 20;
/** What a thread with the library takes without a file. */
const LIBRARY_BYTES = 24 * 2 ** 20;

export interface Hdf5 {
  /** @throws {Problem} invalid-file for any fault, limit-exceeded for a file over `limits`, overloaded on a busy machine. */
  read(bytes: Uint8Array, limits?: FileLimits): Promise<HdfTree>;
  write(tree: HdfTree): Promise<Uint8Array>;
}

interface Hdf5Options {
  /** Files worked on at once, one of each client; others wait. Each has a thread of its own, which takes about 20 MB and 0.2 s to start. */
  readonly concurrency?: number;
  /** A file that takes more time of a processor is refused: damaged ones can make the library loop (1 in 200 of random damage does). */
  readonly timeoutMs?: number;
  readonly caller?: CurrentCaller;
}

/** HDF5 through h5wasm, in threads of its own (worker.ts). Clients take turns. */
export function createHdf5({ concurrency = 2, timeoutMs = 10_000, caller = () => OWN_WORK }: Hdf5Options = {}): Hdf5 {
  const threads = createThreads<Hdf5Task, Hdf5Result>(SCRIPT, timeoutMs);
  const lane = new Lane({ what: 'HDF5 files', atOnce: concurrency, caller });

  return {
    async read(bytes, limits = DEFAULT_FILE_LIMITS) {
      requireWithin(FORMAT, 'bytes', bytes.length, limits.maxFileBytes);
      if (SIGNATURE.some((byte, at) => bytes[at] !== byte))
        throw invalidFile(FORMAT, 'it does not start with the HDF5 signature.');
      const memoryBytes = OWN_MEMORY_BYTES + 2 * limits.maxUnpackedBytes;
      const { hold: _, ...bounds } = limits;
      caller().hold(LIBRARY_BYTES + 2 * bytes.length);
      const read = async (signal?: AbortSignal) => {
        const copy = await copied(bytes);
        return threads.run(
          { kind: 'read', bytes: copy, limits: bounds, memoryBytes },
          [copy.buffer as ArrayBuffer],
          signal,
        );
      };
      const reply = await lane.run(read).catch((error: unknown) => {
        if (error instanceof Problem) throw error;
        throw invalidFile(FORMAT, `the HDF5 library failed: ${error instanceof Error ? error.message : error}.`, error);
      });
      if ('tree' in reply) {
        caller().hold(bytesOfTree(reply.tree));
        return reply.tree;
      }
      throw new Error('the HDF5 thread answered a read with a file');
    },

    async write(tree) {
      const bytes = bytesOfTree(tree);
      caller().hold(LIBRARY_BYTES + 3 * bytes);
      const memoryBytes = OWN_MEMORY_BYTES + 4 * bytes;
      const reply = await lane.run(async (signal) => {
        const copy = await copyOfTree(tree);
        const buffers = [...copy.datasets.values()].map((dataset) => dataset.bytes.buffer as ArrayBuffer);
        return threads.run({ kind: 'write', tree: copy, memoryBytes }, buffers, signal);
      });
      if ('file' in reply) return reply.file;
      throw new Error('the HDF5 thread answered a write without a file');
    },
  };
}

/** With datasets of its own, which can be moved into a thread. */
async function copyOfTree(tree: HdfTree): Promise<HdfTree> {
  const datasets = new Map<string, HdfDataset>();
  for (const [path, dataset] of tree.datasets) {
    datasets.set(path, { ...dataset, bytes: await copied(dataset.bytes) });
    await nextTurn();
  }
  return { ...tree, datasets };
}

function bytesOfTree({ datasets }: HdfTree): number {
  return [...datasets.values()].reduce((sum, { bytes }) => sum + bytes.length, 0);
}
