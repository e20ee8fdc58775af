/**
 * The thread that the HDF5 library runs in. It works on one file after another, each with a new instance of the library, so
 * nothing of one file is left in memory for the next. The parent ends the thread if a file breaks the library or makes it
 * loop.
 */
import { parentPort } from 'node:worker_threads';
import { Problem } from '../../domain/problems.ts';
import { giveWay } from '../../threads/give-way.ts';
import { invalidFile } from '../bounds.ts';
import { type Library, libraries } from './library.ts';
import { readTree } from './reader.ts';
import type { Hdf5Reply, Hdf5Request } from './tree.ts';
import { writeTree } from './writer.ts';

const PATH = '/file.h5';

function run(library: Library, request: Hdf5Request): Hdf5Reply {
  if (request.kind === 'write') {
    writeTree(library, PATH, request.tree);
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

giveWay();
const open = await libraries();
parentPort?.on('message', async (request: Hdf5Request) => {
  const reply = run(await open(request.memoryBytes), request);
  const datasets = 'tree' in reply ? [...reply.tree.datasets.values()] : [];
  parentPort?.postMessage(
    reply,
    datasets.flatMap(({ bytes, widened }) =>
      [bytes, ...(widened ? [widened] : [])].map(({ buffer }) => buffer as ArrayBuffer),
    ),
  );
});
