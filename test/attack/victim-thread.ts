/** The thread of a client that asks again and again at fixed times, and tells how long each answer took. */
import { Agent } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { parentPort, workerData } from 'node:worker_threads';
import { exchange, type Sent } from '../torture/exchange.ts';

export interface Asked {
  readonly name: string;
  /** By turns. */
  readonly sent: readonly Sent[];
}

export interface Told {
  readonly name: string;
  /** Since the time at which the request was due. */
  readonly milliseconds: number;
  /** 0: none. */
  readonly status: number;
}

const { url, asked, everyMs, patienceMs } = workerData as {
  readonly url: string;
  readonly asked: readonly Asked[];
  readonly everyMs: number;
  readonly patienceMs: number;
};
/** Of one question. */
const MOST_SOCKETS = 64;
let told: Told[] = [];
parentPort?.on('message', () => {
  parentPort?.postMessage(told);
  told = [];
});

/** Asks whether earlier answers have come or not: those that are late do not make others late. */
async function ask({ name, sent }: Asked): Promise<never> {
  // Another client than the attackers: where nobody has a key, the address tells them apart.
  const agent = new Agent({ keepAlive: true, maxSockets: MOST_SOCKETS, localAddress: '127.0.0.2' });
  for (let due = performance.now(), n = 0; ; due += everyMs, n++) {
    const early = due - performance.now();
    if (early > 0) await delay(early);
    // This thread itself was not awake: nobody would have asked.
    else if (early < -everyMs) due = performance.now();
    const asked = due;
    void exchange(agent, url, sent[n % sent.length], patienceMs)
      .then(
        (answer) => answer.status,
        () => 0,
      )
      .then((status) => told.push({ name, status, milliseconds: performance.now() - asked }));
  }
}

for (const one of asked) void ask(one);
