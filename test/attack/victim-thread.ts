/** The thread of a client that asks again and again at fixed times, and tells how long each answer took. */
import { Agent } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { parentPort, workerData } from 'node:worker_threads';
import { exchange, type Sent } from '../torture/exchange.ts';

export interface Asked {
  readonly name: string;
  readonly sent: Sent;
}

export interface Told {
  readonly name: string;
  /** Since the time at which the request was due, so that one late answer does not hide those that wait behind it. */
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
let told: Told[] = [];
parentPort?.on('message', () => {
  parentPort?.postMessage(told);
  told = [];
});

async function ask({ name, sent }: Asked): Promise<never> {
  // Another client than the attackers: where nobody has a key, the address tells them apart.
  const agent = new Agent({ keepAlive: true, maxSockets: 1, localAddress: '127.0.0.2' });
  for (let due = performance.now(); ; due += everyMs) {
    const early = due - performance.now();
    if (early > 0) await delay(early);
    const status = await exchange(agent, url, sent, patienceMs).then(
      (answer) => answer.status,
      () => 0,
    );
    told.push({ name, status, milliseconds: performance.now() - due });
    // Nobody keeps asking for what is long over.
    if (performance.now() - due > patienceMs) due = performance.now();
  }
}

for (const one of asked) void ask(one);
