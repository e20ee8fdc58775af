import { DEFAULT_TENANT, type Identity, SCOPES } from '../domain/identity.ts';
import { digestOf, hasExpired, type KeyEntry } from './key-entry.ts';

interface Known {
  readonly identity: Identity;
  readonly entry?: KeyEntry;
}

/**
 * The valid keys, by their hashes: keys of the environment, which may do everything in the default tenant, and keys of a
 * file, which may be replaced. A key is found by its hash, so the time that this takes reveals nothing about other keys.
 */
export class KeyRing {
  private readonly fixed: ReadonlyMap<string, Known>;
  private listed: ReadonlyMap<string, Known> = new Map();

  constructor(apiKeys: readonly string[]) {
    const scopes = new Set(SCOPES);
    this.fixed = new Map(
      apiKeys.map((key, k) => [digestOf(key), { identity: { name: `key-${k + 1}`, tenant: DEFAULT_TENANT, scopes } }]),
    );
  }

  /** From now on these are the keys of the file. */
  replace(entries: readonly KeyEntry[]): void {
    this.listed = new Map(
      entries.map((entry) => {
        const { name, tenant, scopes, sha256 } = entry;
        return [sha256, { identity: { name, tenant, scopes: new Set(scopes) }, entry }];
      }),
    );
  }

  /** The owner of a key; undefined if the key is unknown, revoked or expired. */
  find(key: string, now: number): Identity | undefined {
    const digest = digestOf(key);
    const known = this.fixed.get(digest) ?? this.listed.get(digest);
    return known === undefined || (known.entry && hasExpired(known.entry, now)) ? undefined : known.identity;
  }
}
