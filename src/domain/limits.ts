/** Upper bounds on what a request may ask for; all set by the environment (src/config.ts). */
export interface Limits {
  /** Bytes of one request body, unless it is JSON. */
  readonly maxBodyBytes: number;
  /** Bytes of one body or message as JSON. */
  readonly maxJsonBytes: number;
  /** Units of one cell. */
  readonly maxUnits: number;
  /** Elements of one tensor, given, drawn or computed. */
  readonly maxElements: number;
  /** Bytes of all tensors of one cell, session, variable or result. */
  readonly maxThingBytes: number;
  /** Bytes of bodies that have come and of replies that are not read yet, of all requests of a process. */
  readonly maxInFlightBytes: number;
  /** Bytes of one checkpoint, saved or brought in. */
  readonly maxCheckpointBytes: number;
  /** Bytes of the steps that one session keeps. */
  readonly maxHistoryBytes: number;
  /** Versions of one cell that sessions keep by being pinned to them. */
  readonly maxPinnedVersions: number;
  /** How many hours the outcome of a request with an idempotency key is kept. */
  readonly keyHours: number;
  /** Bytes of the outcomes that one thing keeps. */
  readonly maxKeyBytes: number;
  /** Multiply-adds that one request may cost. */
  readonly maxWork: number;
  /** Multiply-adds that all steps of one training request may cost. */
  readonly maxTrainingWork: number;
  /** Multiply-adds that drawing one variable may cost; it is done in a thread of its own. */
  readonly maxDrawWork: number;
}
