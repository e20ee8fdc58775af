import { Problem } from '../../domain/problems.ts';

/** A graph that has ended so many processes within this time is left alone for as long, and then has as many tries again. */
const MOST = 3;
const MILLISECONDS = 60_000;

/** The graphs that have ended their processes of late, and for whom. What one client sends to a graph blocks nobody else. */
export class EndedGraphs {
  private readonly clock: () => number;
  /** When they have, the last one last. */
  private readonly times = new Map<string, readonly number[]>();

  constructor(clock: () => number = () => performance.now()) {
    this.clock = clock;
  }

  /** Notes that a graph has ended a process. */
  add(client: string, graph: string): void {
    const key = keyOf(client, graph);
    const since = this.clock() - MILLISECONDS;
    for (const [known, times] of this.times) if (times[times.length - 1] <= since) this.times.delete(known);
    const own = (this.times.get(key) ?? []).filter((time) => time > since);
    this.times.set(key, [...own, this.clock()]);
  }

  /** @throws {Problem} graph-blocked */
  refuse(client: string, graph: string): void {
    const times = this.times.get(keyOf(client, graph)) ?? [];
    const left = (times.at(-MOST) === undefined ? 0 : times[times.length - 1] + MILLISECONDS) - this.clock();
    if (left <= 0) return;
    const seconds = Math.ceil(left / 1000);
    const detail = `This graph has ended its process ${times.length} times, by too much time or memory or by a crash. It runs again in ${seconds} s. Send it other inputs then, or less at once.`;
    throw new Problem('graph-blocked', detail, { retryAfterSeconds: seconds });
  }
}

function keyOf(client: string, graph: string): string {
  return `${client}\n${graph}`;
}
