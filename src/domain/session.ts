/** A session as the store keeps it under `session/<id>`, beside its states. */
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
  readonly version: number;
  readonly created_at: number;
  readonly updated_at: number;
}

/** When the session expires if nothing is done with it; undefined: never. */
export function expiryOf({ ttl_seconds, updated_at }: SessionRecord): number | undefined {
  return ttl_seconds === null ? undefined : updated_at + ttl_seconds * 1000;
}

export function isExpired(record: SessionRecord, now: number): boolean {
  const expiry = expiryOf(record);
  return expiry !== undefined && now >= expiry;
}
