import type { MetricsSnapshot } from '../http/observability/metrics-text.ts';

/** Messages from a worker process to its supervisor. */
export type FromWorker =
  | { readonly type: 'listening' }
  /** Asks for the metrics of all. */
  | { readonly type: 'gather'; readonly request: number }
  /** Answers `measure`. */
  | { readonly type: 'measured'; readonly request: number; readonly snapshot: MetricsSnapshot }
  /** Counts one more in a window of time, for all workers. */
  | { readonly type: 'count'; readonly request: number; readonly key: string; readonly milliseconds: number }
  /** For all other workers. */
  | { readonly type: 'broadcast'; readonly request: number; readonly bytes: Uint8Array };

/** Messages from a supervisor to a worker process. */
export type ToWorker =
  | { readonly type: 'measure'; readonly request: number }
  /** Answers `gather`. */
  | { readonly type: 'gathered'; readonly request: number; readonly snapshots: readonly MetricsSnapshot[] }
  /** Another worker's broadcast. */
  | { readonly type: 'heard'; readonly bytes: Uint8Array }
  /** Answers `count`. */
  | { readonly type: 'counted'; readonly request: number; readonly count: number; readonly left: number }
  /** Answers `broadcast`: how many workers it was sent to. */
  | { readonly type: 'broadcasted'; readonly request: number; readonly receivers: number };

/** The most unread bytes from one process to another. More broadcasts are dropped, because the receiver is too busy to read. */
export const MAX_UNREAD_BYTES = 16 * 2 ** 20;
