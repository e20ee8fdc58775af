import type { StoreWrite } from './ports.ts';

const MAX_KEY_LENGTH = 1_000;
/** The longest key, including its tenant. */
export const MAX_WHOLE_KEY_LENGTH = MAX_KEY_LENGTH + '@/'.length + 63;

/**
 * `kind/id` or `kind/id/rest`: the kind lower-case words joined by `-`, the id as the API takes it, the rest printable ASCII.
 * Before it `@tenant/`, for all tenants but the default one.
 */
const KEY =
  /^(@[a-z0-9][a-z0-9._-]{0,62}\/)?([a-z][a-z0-9]*)(?:-[a-z0-9]+)*\/([A-Za-z0-9][A-Za-z0-9._-]{0,127})(?:\/[\x20-\x7e]+)?$/;

/** Whether a store can hold something under this key. Nothing is ever found under an invalid key. */
export function isKey(key: string): boolean {
  return lengthOf(key) <= MAX_KEY_LENGTH && KEY.test(key);
}

/**
 * The owner of a key, its hash tag in a sharded store: the kind up to its first `-`, and the id. `cell/a` and
 * `cell-variable/a/kernel/3` belong to `cell/a`, `@acme/cell-uses/a` to `@acme/cell/a`. Throws an Error when the key is malformed or too long.
 */
export function ownerOf(key: string): string {
  const length = lengthOf(key);
  if (length > MAX_KEY_LENGTH) {
    throw new Error(`key ${key.slice(0, 40)}… has ${length} characters; at most ${MAX_KEY_LENGTH} are allowed`);
  }
  const match = KEY.exec(key);
  if (match === null) throw new Error(`key ${JSON.stringify(key)} is malformed; write kind/id or kind/id/rest`);
  return `${match[1] ?? ''}${match[2]}/${match[3]}`;
}

function lengthOf(key: string): number {
  return key.startsWith('@') ? key.length - key.indexOf('/') - 1 : key.length;
}

/**
 * Every store refuses the same mistakes of a caller, before anything is written. Throws an ordinary Error when the
 * keys are malformed, too long or repeated, when they have two owners, or when one write both writes and deletes.
 */
export function checkCommit(writes: readonly StoreWrite[]): void {
  // Most commits have one write.
  const seen = writes.length > 1 ? new Set<string>() : undefined;
  let first: string | undefined;
  for (const { key, bytes, delete: deletes } of writes) {
    // To know the owner takes longer than to know that there is one.
    const owner = seen || !isKey(key) ? ownerOf(key) : undefined;
    first ??= owner;
    if (owner !== first) throw new Error(`one commit has keys of two owners, ${first} and ${owner} (key ${key})`);
    if (seen?.has(key)) throw new Error(`one commit names the key ${key} twice`);
    if (bytes !== undefined && deletes) throw new Error(`one commit both writes and deletes the key ${key}`);
    seen?.add(key);
  }
}
