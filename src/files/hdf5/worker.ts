/**
 * The thread that the HDF5 library runs in. It works on one file after another, each with a new instance of the library, so
 * nothing of one file is left in memory for the next. The parent ends the thread if a file breaks the library or makes it
 * loop.
 */
import { Problem } from '../../domain/problems.ts';
import { answerParent } from '../../threads/own-thread.ts';
import { invalidFile } from '../bounds.ts';
import { type Library, libraries } from './library.ts';
import { readTree } from './reader.ts';
import type { Hdf5Result, Hdf5Task } from './tree.ts';
import { writeTree } from './writer.ts';

const PATH = '/file.h5';
/** An instance of the library has 16 MiB. V8 collects those of earlier files once there are several. */
const MOST_KEPT_BYTES = 2 ** 27;

function run(library: Library, task: Hdf5Task): Hdf5Result {
  if (task.kind === 'write') {
    writeTree(library, PATH, task.tree);
    return { file: library.FS.readFile(PATH) };
  }
  try {
    library.FS.writeFile(PATH, task.bytes);
    return { tree: readTree(library, PATH, task.limits) };
  } catch (error) {
    throw error instanceof Problem ? error : invalidFile('HDF5', `${reason(error)}.`);
  }
}

/** The library reports a stack of lines like `#002: H5F.c line 12 in H5F_open(): no signature`; the last is the cause. */
function reason(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  const causes = [...text.matchAll(/#\d+: .*?\(\): (.+)/g)];
  return (causes.at(-1)?.[1] ?? text.split('\n', 1)[0]).slice(0, 200);
}

const open = await libraries();
answerParent<Hdf5Task, Hdf5Result>(async (task) => run(await open(task.memoryBytes), task), MOST_KEPT_BYTES);
