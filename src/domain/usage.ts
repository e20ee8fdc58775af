import { DEFAULT_TENANT } from './identity.ts';

/** Kinds of things that are counted. */
export const COUNTED_KINDS = ['cell', 'session', 'variable'] as const;
export type CountedKind = (typeof COUNTED_KINDS)[number];

/** How much a tenant keeps in the store. */
export interface StoredUsage extends Readonly<Record<CountedKind, number>> {
  readonly keys: number;
  /** Characters of all keys, without the tenant before them, and bytes of all values. */
  readonly bytes: number;
}

export const NO_USAGE: StoredUsage = { cell: 0, session: 0, variable: 0, keys: 0, bytes: 0 };

const WHOLE_KEY = /^(?:@([^/]+)\/)?(([\w-]+)\/[^/]+(\/)?.*)$/s;

/** The tenant of a key, the bytes of the key itself, and the kind of thing if it is the thing's record. */
export interface CountedKey {
  readonly tenant: string;
  readonly bytes: number;
  readonly kind: CountedKind | undefined;
}

/** How a key of the store is counted. `@acme/cell/a` is a cell of acme; `cell-uses/a` only has bytes. */
export function countedKey(key: string): CountedKey {
  const [, tenant = DEFAULT_TENANT, own = key, word, more] = WHOLE_KEY.exec(key) ?? [];
  const kind = more === undefined ? COUNTED_KINDS.find((kind) => kind === word) : undefined;
  return { tenant, bytes: own.length, kind };
}

/**
 * Adds what one write changes to the usage of a tenant. `before` and `after` are bytes of the value; undefined if there is
 * none.
 */
export function countWrite(
  usage: StoredUsage,
  { bytes, kind }: CountedKey,
  before: number | undefined,
  after: number | undefined,
): StoredUsage {
  const size = (value: number | undefined) => (value === undefined ? 0 : bytes + value);
  const more = (after === undefined ? 0 : 1) - (before === undefined ? 0 : 1);
  return {
    ...usage,
    keys: usage.keys + more,
    bytes: usage.bytes + size(after) - size(before),
    ...(kind ? { [kind]: usage[kind] + more } : {}),
  };
}

export function addUsage(a: StoredUsage, b: StoredUsage): StoredUsage {
  return {
    cell: a.cell + b.cell,
    session: a.session + b.session,
    variable: a.variable + b.variable,
    keys: a.keys + b.keys,
    bytes: a.bytes + b.bytes,
  };
}
