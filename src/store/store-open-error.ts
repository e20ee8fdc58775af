/** A store that cannot be opened: one line for the operator, with the place and the reason. */
export class StoreOpenError extends Error {
  constructor(message: string, cause?: unknown) {
    super(message, { cause });
    this.name = 'StoreOpenError';
  }
}

/** The error for a store that an older or newer version of cellstep has written. */
export function otherFormat(store: string, format: string, read: string): StoreOpenError {
  const reads = `this version of cellstep reads format ${read}`;
  return new StoreOpenError(
    `${store} holds a store of format ${format}; ${reads}. Use the version that wrote it; docs/backup.md has how to bring its data over`,
  );
}
