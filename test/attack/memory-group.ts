import { mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** A memory cgroup of Linux, by which the kernel holds processes to so many bytes. */
export interface MemoryGroup {
  /** A process joins by writing its id here. */
  readonly processes: string;
  /** Processes that the kernel has killed for being over the bytes. */
  kills(): number;
  /** Ends the group; its processes must be gone. */
  remove(): void;
}

const ROOT = '/sys/fs/cgroup';
/** Version 1 and version 2: where the groups are, the file of their limit, and the file that counts kills. */
const VERSIONS = [
  { parent: join(ROOT, 'memory'), limit: 'memory.limit_in_bytes', events: 'memory.oom_control' },
  { parent: ROOT, limit: 'memory.max', events: 'memory.events' },
] as const;

/** A new group; undefined where this machine or this user may make none. */
export function openMemoryGroup(bytes: number): MemoryGroup | undefined {
  for (const { parent, limit, events } of VERSIONS) {
    const directory = join(parent, `cellstep-attack-${process.pid}`);
    try {
      mkdirSync(directory);
    } catch {
      continue;
    }
    try {
      writeFileSync(join(directory, limit), `${bytes}`);
      return {
        processes: join(directory, 'cgroup.procs'),
        kills: () => Number(/oom_kill (\d+)/.exec(readFileSync(join(directory, events), 'utf8'))?.[1] ?? 0),
        remove: () => rmdirSync(directory),
      };
    } catch {
      rmdirSync(directory);
    }
  }
  return undefined;
}
