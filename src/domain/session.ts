/** A session as the store keeps it under `session/<id>`, without its states. */
export interface SessionRecord {
  readonly format: 1;
  readonly id: string;
  /** Tells this session from an earlier one of the same id. */
  readonly uid: string;
  readonly cell: string;
  /** Tells the cell from a later one of the same id. */
  readonly cell_uid: string;
  /** Version of the cell that the last step used, or that the session was opened on. */
  readonly cell_version: number;
  readonly batch_size: number;
  /** Steps since the session was opened or reset. */
  readonly step: number;
  readonly ttl_seconds: number | null;
  /** The name of the pinned version of its cell; undefined if the session follows the cell. */
  readonly pinned?: string;
  /** The steps that are kept to go back to; undefined if none. */
  readonly history?: SessionHistory;
  readonly version: number;
  readonly created_at: number;
  readonly updated_at: number;
}

/** The last `limit` steps are kept, each with what came before it: the states after the steps `oldest` to the present one. */
export interface SessionHistory {
  readonly limit: number;
  readonly oldest: number;
}

/** Steps that one session may keep. */
export const MAX_HISTORY = 1000;

/** The oldest step whose states are there. */
export function oldestStep({ history, step }: Pick<SessionRecord, 'history' | 'step'>): number {
  return history?.oldest ?? step;
}

/** When the session expires if it is not used; undefined: never. */
export function expiryOf({ ttl_seconds, updated_at }: SessionRecord): number | undefined {
  return ttl_seconds === null ? undefined : updated_at + ttl_seconds * 1000;
}

export function isExpired(record: SessionRecord, now: number): boolean {
  const expiry = expiryOf(record);
  return expiry !== undefined && now >= expiry;
}
