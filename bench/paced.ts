import { framesOf, openSocket } from './streams/raw.ts';

/** Steps that each session may be behind: beyond that the pace is lost, and a longer round would only show it longer. */
const MOST_BEHIND = 3;
/** How long answers are waited for after the last step. */
const LAST_MS = 30_000;

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
 * spread evenly, whether that is answered or not. Milliseconds from when each step was due to its answer. All that is sent is
 * made before, and of an answer only its id and status are read, so that the client takes little of the machine.
 */
export async function paced({ url, sessions, everyMs, ms, inputs, sockets }: PacedOptions): Promise<number[]> {
  const latencies: number[] = [];
  /** When the steps of a session were due that are not answered, the first one first. */
  const due: number[][] = sessions.map(() => []);
  let unanswered = 0;
  let failure: Error | undefined;
  const answered = (text: Buffer) => {
    const [, id] = /^\{"id":(\d+),/.exec(text.toString('latin1', 0, 20)) ?? [];
    const from = due[Number(id)]?.shift();
    if (from === undefined || !text.includes('"status":200')) failure ??= new Error(`${text}`);
    else latencies.push(performance.now() - from);
    unanswered--;
  };
  const open = await Promise.all(
    Array.from({ length: Math.min(sockets, sessions.length) }, async () => {
      const { socket } = await openSocket(url);
      socket.on('data', textReader(answered));
      socket.once('close', () => {
        failure ??= new Error('the service has closed a socket');
      });
      return socket;
    }),
  );
  const steps = sessions.map((session, k) => framesOf([`{"id":${k},"session":"${session}","inputs":${inputs}}`]));
  const started = performance.now();
  const total = Math.floor((sessions.length * ms) / everyMs);
  // Beyond that it cannot keep the pace: what is left would only be later.
  for (let next = 0; next < total && !failure && unanswered <= sessions.length * MOST_BEHIND; ) {
    const now = performance.now() - started;
    for (; next < total && (next * everyMs) / sessions.length <= now; next++) {
      const k = next % sessions.length;
      due[k].push(started + (next * everyMs) / sessions.length);
      unanswered++;
      open[k % open.length].write(steps[k]);
    }
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  for (const end = performance.now() + LAST_MS; unanswered > 0 && !failure && performance.now() < end; ) {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  for (const socket of open) socket.removeAllListeners('close').destroy();
  if (failure) throw failure;
  return latencies;
}

const [TEXT, PING, SHORT, LONG] = [0x81, 0x89, 126, 127];

/** Calls `read` with each text message of a server, whose frames may be cut anywhere. */
function textReader(read: (text: Buffer) => void): (chunk: Buffer) => void {
  let held: Buffer = Buffer.alloc(0);
  return (chunk) => {
    held = held.length === 0 ? chunk : Buffer.concat([held, chunk]);
    for (;;) {
      const [kind, size] = held;
      const start = size < SHORT || size === undefined ? 2 : size < LONG ? 4 : 10;
      if (held.length < start) return;
      const length = start === 2 ? size : start === 4 ? held.readUInt16BE(2) : Number(held.readBigUInt64BE(2));
      if (held.length < start + length) return;
      if (kind === TEXT) read(held.subarray(start, start + length));
      else if (kind !== PING) throw new Error(`a frame of kind ${kind}`);
      held = held.subarray(start + length);
    }
  };
}

export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.POSITIVE_INFINITY;
}
