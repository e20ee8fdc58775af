import type { MetricsSnapshot } from '../http/metrics.ts';

/** What a worker process tells its supervisor. */
export type FromWorker =
  | { readonly type: 'listening' }
  /** Asks for the metrics of all. */
  | { readonly type: 'gather'; readonly request: number }
  /** Answers `measure`. */
  | { readonly type: 'measured'; readonly request: number; readonly snapshot: MetricsSnapshot };

/** What a supervisor tells a worker process. */
export type ToWorker =
  | { readonly type: 'measure'; readonly request: number }
  /** Answers `gather`. */
  | { readonly type: 'gathered'; readonly request: number; readonly snapshots: readonly MetricsSnapshot[] };
