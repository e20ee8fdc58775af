import { mkdtempSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

/** A memory cgroup of Linux, by which the kernel holds processes to so many bytes. */
export interface MemoryGroup {
  /** A process joins by writing its id here. */
  readonly processes: string;
  /** Processes that the kernel has killed for being over the bytes. */
  kills(): number;
  /** Ends the group once its processes are gone. @throws {Error} where one of them does not go */
  remove(): Promise<void>;
}

const ROOT = '/sys/fs/cgroup';
/** For how long a process that the service has started may outlive it. */
const LAST_MS = 10_000;
/** Version 1 and version 2: where the groups are, the file of their limit, and the file that counts kills. */
const VERSIONS = [
  { parent: join(ROOT, 'memory'), limit: 'memory.limit_in_bytes', events: 'memory.oom_control' },
  { parent: ROOT, limit: 'memory.max', events: 'memory.events' },
] as const;

/** A new group; undefined where this machine or this user may make none. */
export function openMemoryGroup(bytes: number): MemoryGroup | undefined {
  for (const { parent, limit, events } of VERSIONS) {
    let directory: string;
    try {
      directory = mkdtempSync(join(parent, 'cellstep-attack-'));
    } catch {
      continue;
    }
    try {
      writeFileSync(join(directory, limit), `${bytes}`);
      const processes = join(directory, 'cgroup.procs');
      return {
        processes,
        kills: () => Number(/oom_kill (\d+)/.exec(readFileSync(join(directory, events), 'utf8'))?.[1] ?? 0),
        remove: () => removed(directory, processes),
      };
    } catch {
      rmdirSync(directory);
    }
  }
  return undefined;
}

async function removed(directory: string, processes: string): Promise<void> {
  for (const deadline = performance.now() + LAST_MS; ; await delay(20)) {
    try {
      return rmdirSync(directory);
    } catch (error) {
      // A process is in its group until its memory is given back.
      if ((error as NodeJS.ErrnoException).code !== 'EBUSY') throw error;
      if (performance.now() > deadline) {
        throw new Error(`processes of the service live on: ${names(processes)}`, { cause: error });
      }
    }
  }
}

function names(processes: string): string {
  const ids = readFileSync(processes, 'utf8').trim().split('\n').filter(Boolean);
  return ids.map((id) => readFileSync(`/proc/${id}/cmdline`, 'utf8').replaceAll('\0', ' ')).join('; ');
}
