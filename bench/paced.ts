import { once } from 'node:events';

/** Steps that each session may be behind: beyond that the pace is lost, and a longer round would only show it longer. */
const MOST_BEHIND = 3;

export interface PacedOptions {
  readonly url: string;
  readonly sessions: readonly string[];
  readonly everyMs: number;
  readonly ms: number;
  /** The inputs of each step, as JSON. */
  readonly inputs: string;
  readonly sockets: number;
}

/**
 * Steps sessions at a pace, over WebSockets: each session is sent its next step `everyMs` after the last one, at times that are
 * spread evenly, whether that is answered or not. Milliseconds from when each step was due to its answer.
 */
export async function paced({ url, sessions, everyMs, ms, inputs, sockets }: PacedOptions): Promise<number[]> {
  const latencies: number[] = [];
  const due = new Map<number, number>();
  let next = 0;
  let failure: Error | undefined;
  const open = Array.from({ length: sockets }, async () => {
    const socket = new WebSocket(url.replace(/^http/, 'ws').concat('/v1/stream'), 'cellstep.v1');
    await once(socket, 'open');
    socket.addEventListener('message', ({ data }) => {
      const { id, status } = JSON.parse(`${data}`) as { id: number; status: number };
      const from = due.get(id);
      if (status !== 200) failure = new Error(`a step was answered with ${status}: ${data}`);
      if (from !== undefined) latencies.push(performance.now() - from);
      due.delete(id);
    });
    return socket;
  });
  const all = await Promise.all(open);
  const started = performance.now();
  const total = Math.floor((sessions.length * ms) / everyMs);
  while (next < total) {
    const now = performance.now() - started;
    for (; next < total && (next * everyMs) / sessions.length <= now; next++) {
      due.set(next, started + (next * everyMs) / sessions.length);
      const session = sessions[next % sessions.length];
      all[(next % sessions.length) % sockets].send(`{"id":${next},"session":"${session}","inputs":${inputs}}`);
    }
    if (failure) throw failure;
    // It cannot keep the pace: what is left would only be later.
    if (due.size > sessions.length * MOST_BEHIND) break;
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  for (const end = performance.now() + 30_000; due.size > 0 && performance.now() < end; ) {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  for (const socket of all) socket.close();
  if (failure) throw failure;
  return latencies;
}

export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.POSITIVE_INFINITY;
}
