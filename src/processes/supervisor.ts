import { type ChildProcess, fork } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { MetricsSnapshot } from '../http/observability/metrics-text.ts';
import { createSupervisorMetrics } from '../http/observability/supervisor-metrics.ts';
import { type FromWorker, MAX_UNREAD_BYTES, type ToWorker } from './messages.ts';
import { RateWindows } from './rate-windows.ts';

/** A worker that dies is replaced after this time. The time doubles whenever it dies again soon. */
const FIRST_BACKOFF_MILLISECONDS = 100;
const MAX_BACKOFF_MILLISECONDS = 10_000;
/** A worker that lived this long did not die soon. */
const SOUND_MILLISECONDS = 30_000;
/** Workers that do not send their metrics in time are left out: they are busy or gone. */
const GATHER_MILLISECONDS = 1_000;
/** The exit code for errors that an operator can fix, in main.ts too. */
const REFUSED = 2;

export interface SupervisorOptions {
  readonly workers: number;
  /** Runs a worker when called with `worker <number>`. */
  readonly script: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** How long workers may take to end after a signal. Then they are killed. */
  readonly shutdownSeconds: number;
  readonly logger: Logger;
}

interface Worker {
  readonly number: number;
  readonly child: ChildProcess;
  readonly since: number;
  readonly ended: Promise<number | string>;
  listening: boolean;
  /** Bytes of broadcasts that the worker has not read. */
  unread: number;
}

/**
 * Runs the service as several processes and replaces those that die. Once all have ended after SIGTERM or SIGINT, resolves
 * with the exit code for this process, or with the exit code of a worker that could not start.
 */
export async function supervise({ workers: count, script, env, shutdownSeconds, logger }: SupervisorOptions) {
  const workers = new Map<number, Worker>();
  const metrics = createSupervisorMetrics();
  const rates = new RateWindows();
  const gathering = new Map<number, (worker: number, snapshot: MetricsSnapshot) => void>();
  let requests = 0;
  let closing = false;
  let finish: (code: number) => void = () => undefined;
  const finished = new Promise<number>((resolve) => {
    finish = resolve;
  });

  function start(number: number): Worker {
    const child = fork(script, ['worker', `${number}`], { env: { ...env }, serialization: 'advanced' });
    const ended = new Promise<number | string>((resolve) => {
      child.once('error', (error) => resolve(error.message));
      child.once('exit', (code, signal) => resolve(code ?? signal ?? 'unknown'));
    });
    const worker: Worker = { number, child, since: Date.now(), ended, listening: false, unread: 0 };
    workers.set(number, worker);
    child.on('message', (message: FromWorker) => hear(worker, message));
    return worker;
  }

  function tell({ child }: Worker, message: ToWorker): void {
    // The exit event handles a worker that has just died.
    if (child.connected) child.send(message, () => undefined);
  }

  function hear(worker: Worker, message: FromWorker): void {
    switch (message.type) {
      case 'listening':
        worker.listening = true;
        metrics.up(worker.number, true);
        break;
      case 'measured':
        gathering.get(message.request)?.(worker.number, message.snapshot);
        break;
      case 'broadcast': {
        const receivers = forward(worker, message.bytes);
        tell(worker, { type: 'broadcasted', request: message.request, receivers });
        break;
      }
      case 'count': {
        const { request, key, milliseconds } = message;
        tell(worker, { type: 'counted', request, ...rates.count(key, milliseconds) });
        break;
      }
      case 'gather':
        gather().then((snapshots) => tell(worker, { type: 'gathered', request: message.request, snapshots }));
    }
  }

  /** Sends a worker's broadcast to the others that can take it, and counts them. */
  function forward(from: Worker, bytes: Uint8Array): number {
    const others = [...workers.values()].filter(
      (worker) => worker !== from && worker.child.connected && worker.unread + bytes.length <= MAX_UNREAD_BYTES,
    );
    for (const worker of others) {
      worker.unread += bytes.length;
      worker.child.send({ type: 'heard', bytes } satisfies ToWorker, () => {
        worker.unread -= bytes.length;
      });
    }
    return others.length;
  }

  async function gather(): Promise<MetricsSnapshot[]> {
    const request = ++requests;
    const asked = [...workers.values()].filter(({ listening }) => listening);
    const snapshots = new Map<number, MetricsSnapshot>();
    const all = new Promise<void>((resolve) => {
      gathering.set(request, (number, snapshot) => {
        snapshots.set(number, snapshot);
        if (snapshots.size === asked.length) resolve();
      });
    });
    for (const worker of asked) tell(worker, { type: 'measure', request });
    await Promise.race([all, delay(GATHER_MILLISECONDS, undefined, { ref: false })]);
    gathering.delete(request);
    return [...snapshots.values(), await metrics.snapshot()];
  }

  /** Keeps a worker of this number running. */
  async function keep(worker: Worker, deaths = 0): Promise<void> {
    const end = await worker.ended;
    workers.delete(worker.number);
    metrics.up(worker.number, false);
    if (closing) return;
    metrics.died(worker.number);
    const soon = Date.now() - worker.since < SOUND_MILLISECONDS ? deaths + 1 : 1;
    const wait = Math.min(MAX_BACKOFF_MILLISECONDS, FIRST_BACKOFF_MILLISECONDS * 2 ** (soon - 1));
    const about = { worker: worker.number, workerPid: worker.child.pid, end };
    logger.error(about, `worker ${worker.number} died (${end}); another takes its place in ${wait} ms`);
    await delay(wait);
    if (!closing) await keep(start(worker.number), soon);
  }

  async function close(signal: string): Promise<void> {
    if (closing) return;
    closing = true;
    logger.info({ signal }, 'closing: all workers end');
    const running = [...workers.values()];
    for (const { child } of running) child.kill('SIGTERM');
    const ends = Promise.all(running.map(({ ended }) => ended));
    const inTime = await Promise.race([ends, delay(shutdownSeconds * 1000, undefined, { ref: false })]);
    if (!inTime) {
      logger.error('workers that did not end in time are killed');
      for (const { child } of running) child.kill('SIGKILL');
    }
    const codes = await ends;
    logger.info('all workers ended');
    // A worker that got the signal before it listened for signals had nothing to finish.
    finish(codes.every((code) => code === 0 || code === 'SIGTERM') ? 0 : 1);
  }

  /** A worker that cannot start has reported why, and the others would report the same. A killed worker reports nothing. */
  async function startFirst(number: number): Promise<boolean> {
    const worker = start(number);
    const listens = new Promise<true>((resolve) => {
      worker.child.on('message', ({ type }: FromWorker) => type === 'listening' && resolve(true));
    });
    const outcome = await Promise.race([listens, worker.ended]);
    const killed = typeof outcome === 'string' && outcome.startsWith('SIG');
    if (outcome !== true && !killed) {
      workers.delete(number);
      if (!closing) {
        closing = true;
        for (const { child } of workers.values()) child.kill('SIGTERM');
        await Promise.all([...workers.values()].map(({ ended }) => ended));
        finish(outcome === REFUSED ? REFUSED : 1);
      }
      return false;
    }
    void keep(worker);
    return true;
  }

  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, close);
  // Start the first worker alone, so that wrong settings are reported only once.
  if ((await startFirst(1)) && !closing) {
    const others = Array.from({ length: count - 1 }, (_, k) => startFirst(k + 2));
    if ((await Promise.all(others)).every(Boolean)) logger.info({ workers: count }, `all ${count} workers listen`);
  }
  return finished;
}
