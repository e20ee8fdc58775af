import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import type { Asked, Told } from './victim-thread.ts';

/** So often that an attack of two seconds has 200 answers: of fewer, the longest would be the p99. */
const EVERY_MS = 10;
/** One step of a session waits for the one before, so there are several. */
export const VICTIMS = Array.from({ length: 16 }, (_, k) => `victim-${k}`);
const PATIENCE_MS = 10_000;

/** What a client has seen in a span of time. */
export interface Seen {
  readonly answers: number;
  readonly p50: number;
  readonly p99: number;
  readonly longest: number;
  /** Answers other than success, by their status. */
  readonly failures: Readonly<Record<string, number>>;
}

export type Questions = Readonly<Record<'health' | 'ready' | 'step', Seen>>;

/** A client in a thread of its own, which asks whether the service is alive, and steps sessions. */
export class Victim {
  private readonly worker: Worker;

  constructor(url: string) {
    const asked: Asked[] = [
      { name: 'health', sent: [{ method: 'GET', path: '/healthz' }] },
      { name: 'ready', sent: [{ method: 'GET', path: '/readyz' }] },
      {
        name: 'step',
        sent: VICTIMS.map((id) => ({
          method: 'POST',
          path: `/v1/sessions/${id}/steps`,
          body: { inputs: [Array(16).fill(0.5)] },
        })),
      },
    ];
    const workerData = { url, asked, everyMs: EVERY_MS, patienceMs: PATIENCE_MS };
    this.worker = new Worker(new URL('./victim-thread.ts', import.meta.url), { workerData });
  }

  /** Resolves once it has been answered. */
  async begin(): Promise<void> {
    do await delay(50);
    while ((await this.seen()).step.answers === 0);
  }

  /** What it has seen since it was last asked, of each of its questions. */
  async seen(): Promise<Questions> {
    this.worker.postMessage('tell');
    const [told] = (await once(this.worker, 'message')) as [Told[]];
    const of = (name: string) => summary(told.filter((one) => one.name === name));
    return { health: of('health'), ready: of('ready'), step: of('step') };
  }

  async end(): Promise<void> {
    await this.worker.terminate();
  }
}

function summary(told: readonly Told[]): Seen {
  const times = told.map(({ milliseconds }) => milliseconds).sort((a, b) => a - b);
  const failures: Record<string, number> = {};
  for (const { status } of told) if (status !== 200) failures[status] = (failures[status] ?? 0) + 1;
  const at = (share: number) => times[Math.min(times.length - 1, Math.floor(times.length * share))] ?? 0;
  return { answers: times.length, p50: at(0.5), p99: at(0.99), longest: times.at(-1) ?? 0, failures };
}
