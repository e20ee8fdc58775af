import { appendFileSync } from 'node:fs';
import { basename } from 'node:path';
import { isMainThread } from 'node:worker_threads';

/** Imported before the program of each process of a service (NODE_OPTIONS): a line for each in the file STARTS. */
if (isMainThread) {
  const [, program, ...args] = process.argv;
  const line = { pid: process.pid, parent: process.ppid, program: [basename(program), ...args] };
  appendFileSync(process.env.STARTS!, `${JSON.stringify(line)}\n`);
}
