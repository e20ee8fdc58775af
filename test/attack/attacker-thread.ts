/** The thread of an attacker. It gives way: an attacker would have a processor of its own. */
import { parentPort, workerData } from 'node:worker_threads';
import { giveWay } from '../../src/threads/give-way.ts';
import type { Served } from './attack.ts';
import { ATTACKS } from './attacks/all.ts';
import { Target } from './target.ts';

export interface Order {
  readonly name: string;
  readonly service: Served;
  readonly seconds: number;
}

/** What came of an attack. */
export interface Result {
  /** Answers, by their status. */
  readonly answers: ReadonlyMap<number, number>;
  /** What was wrong with them, beside what holds for all attacks. */
  readonly fault: string | undefined;
  /** How long it took. */
  readonly seconds: number;
}

giveWay();
const { name, service, seconds } = workerData as Order;
const attack = ATTACKS.find((one) => one.name === name);
if (!attack) throw new Error(`no attack has the name ${name}`);
const target = new Target(service, seconds);
parentPort?.once('message', async () => {
  const started = performance.now();
  const said = await attack.run(target).catch((error: Error) => error.message);
  const took = (performance.now() - started) / 1000;
  target.close();
  const fault = typeof said === 'string' ? said : undefined;
  parentPort?.postMessage({ answers: target.statuses, fault, seconds: took } satisfies Result);
});
parentPort?.postMessage('ready');
