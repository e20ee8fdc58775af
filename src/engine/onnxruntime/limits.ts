/** What the process of the runtime writes to stderr before it ends itself because it has too much memory. */
export const OVER_MEMORY = 'cellstep: over its memory\n';

/** Bounds of the process of the runtime. */
export interface RuntimeLimits {
  /** Resident bytes of one process. */
  readonly maxBytes: number;
  /** What the runs of one request may take, and what loading a graph may. */
  readonly maxSeconds: number;
  /** Processes; each runs one graph at a time. */
  readonly processes: number;
  /** Bytes of the results of one request. */
  readonly maxResultBytes: number;
}
