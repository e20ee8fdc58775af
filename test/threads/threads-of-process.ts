/** Prints what a thread of this process has of the process's environment, and where both keep what they compile. */
import { enableCompileCache, getCompileCacheDir } from 'node:module';
import { OwnThreads } from '../../src/threads/own-thread.ts';

const [, , directory] = process.argv;
if (directory) enableCompileCache(directory);
const thread = await new OwnThreads(new URL('./environment-thread.ts', import.meta.url)).run(undefined);
process.stdout.write(JSON.stringify({ thread, kept: getCompileCacheDir() }));
