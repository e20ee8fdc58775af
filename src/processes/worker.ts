import type { MetricsSnapshot } from '../http/metrics.ts';
import type { FromWorker, ToWorker } from './messages.ts';

/** A worker's line to its supervisor. */
export interface WorkerLine {
  /** From now on it takes connections. */
  listening(): void;
  /** The metrics of all processes of the service, this one's among them. */
  gather(): Promise<readonly MetricsSnapshot[]>;
}

/**
 * Makes this process a worker of the one that started it. `snapshot` measures this one; `orphaned` is called when the
 * supervisor is gone, however it went.
 */
export function joinSupervisor(snapshot: () => Promise<MetricsSnapshot>, orphaned: () => void): WorkerLine {
  const waiting = new Map<number, (snapshots: readonly MetricsSnapshot[]) => void>();
  let requests = 0;
  // A supervisor that is gone cannot be told anything; `disconnect` tells that it is.
  const tell = (message: FromWorker) => process.send?.(message, undefined, undefined, () => undefined);

  process.on('message', async (message: ToWorker) => {
    if (message.type === 'gathered') {
      waiting.get(message.request)?.(message.snapshots);
      waiting.delete(message.request);
    } else {
      tell({ type: 'measured', request: message.request, snapshot: await snapshot() });
    }
  });
  process.once('disconnect', async () => {
    for (const resolve of waiting.values()) resolve([await snapshot()]);
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
  };
}
