import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { Served } from './attack.ts';
import type { Order, Result } from './attacker-thread.ts';

/** Whoever carries out an attack, in a thread of its own. */
export class Attacker {
  private readonly worker: Worker;

  constructor(name: string, { url, grpcUrl }: Served, seconds: number) {
    const workerData: Order = { name, service: { url, grpcUrl }, seconds };
    this.worker = new Worker(new URL('./attacker-thread.ts', import.meta.url), { workerData });
  }

  /** Resolves once it can begin. */
  async begin(): Promise<void> {
    await once(this.worker, 'message');
  }

  async attack(): Promise<Result> {
    this.worker.postMessage('go');
    const [result] = (await once(this.worker, 'message')) as [Result];
    return result;
  }

  async end(): Promise<void> {
    await this.worker.terminate();
  }
}
