import type { Bus, RateCounter } from '../domain/ports.ts';
import type { MetricsSnapshot } from '../http/observability/metrics-text.ts';
import { type FromWorker, MAX_UNREAD_BYTES, type ToWorker } from './messages.ts';

/** A worker's line to its supervisor. */
export interface WorkerLine {
  /** From now on it takes connections. */
  listening(): void;
  /** The metrics of all processes of the service, including this one. */
  gather(): Promise<readonly MetricsSnapshot[]>;
  /** Reaches the other workers. */
  readonly bus: Bus;
  /** Counts for all workers. */
  readonly rateCounter: RateCounter;
}

/**
 * Makes this process a worker of the one that started it. `snapshot` measures this one; `orphaned` is called when the
 * supervisor has ended for any reason.
 */
export function joinSupervisor(snapshot: () => Promise<MetricsSnapshot>, orphaned: () => void): WorkerLine {
  const waiting = new Map<number, (snapshots: readonly MetricsSnapshot[]) => void>();
  const counts = new Map<number, (counted: Awaited<ReturnType<RateCounter['count']>>) => void>();
  const broadcasts = new Map<number, (receivers: number) => void>();
  const listeners: ((message: Uint8Array) => void)[] = [];
  let requests = 0;
  let unread = 0;
  // Messages to an ended supervisor fail. The event `disconnect` handles its end.
  const tell = (message: FromWorker, sent: () => void = () => undefined) =>
    process.send?.(message, undefined, undefined, sent);

  process.on('message', async (message: ToWorker) => {
    switch (message.type) {
      case 'gathered':
        waiting.get(message.request)?.(message.snapshots);
        waiting.delete(message.request);
        break;
      case 'heard':
        for (const hear of listeners) hear(message.bytes);
        break;
      case 'broadcasted':
        broadcasts.get(message.request)?.(message.receivers);
        broadcasts.delete(message.request);
        break;
      case 'counted':
        counts.get(message.request)?.(message);
        counts.delete(message.request);
        break;
      case 'measure':
        tell({ type: 'measured', request: message.request, snapshot: await snapshot() });
    }
  });
  process.once('disconnect', async () => {
    for (const resolve of waiting.values()) resolve([await snapshot()]);
    for (const resolve of broadcasts.values()) resolve(0);
    broadcasts.clear();
    for (const resolve of counts.values()) resolve({ count: 0, left: 0 });
    counts.clear();
    orphaned();
  });
  return {
    listening: () => void tell({ type: 'listening' }),
    gather: () =>
      new Promise((resolve) => {
        const request = ++requests;
        waiting.set(request, resolve);
        tell({ type: 'gather', request });
      }),
    rateCounter: {
      // Without a supervisor this process ends soon. Until then it allows every request.
      count: (key, milliseconds) =>
        new Promise((resolve) => {
          if (!process.connected) return resolve({ count: 0, left: 0 });
          const request = ++requests;
          counts.set(request, resolve);
          tell({ type: 'count', request, key, milliseconds });
        }),
    },
    bus: {
      broadcast(bytes) {
        if (!process.connected || unread + bytes.length > MAX_UNREAD_BYTES) return Promise.resolve(0);
        unread += bytes.length;
        return new Promise((resolve) => {
          const request = ++requests;
          broadcasts.set(request, resolve);
          tell({ type: 'broadcast', request, bytes }, () => {
            unread -= bytes.length;
          });
        });
      },
      listen: (heard) => void listeners.push(heard),
      close: async () => void listeners.splice(0),
    },
  };
}
