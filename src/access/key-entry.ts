import { hash, randomBytes } from 'node:crypto';
import { z } from 'zod';
import { NAME_PATTERN, NAME_RULE, SCOPES, type Scope } from '../domain/identity.ts';

export const nameSchema = z.string().regex(NAME_PATTERN, { error: `is not ${NAME_RULE}` });

/** A key as a file keeps it: only the hash of the key is there. */
export const keyEntry = z.strictObject({
  name: nameSchema,
  tenant: nameSchema,
  scopes: z.array(z.enum(SCOPES)).min(1),
  sha256: z.string().regex(/^[0-9a-f]{64}$/, { error: 'is not a SHA-256 of 64 hexadecimal digits' }),
  created_at: z.iso.datetime(),
  expires_at: z.iso.datetime().nullable(),
});

export type KeyEntry = z.output<typeof keyEntry>;

/** A new key, to show once, and the entry to keep. */
export function makeKey(
  about: { readonly name: string; readonly tenant: string; readonly scopes: readonly Scope[] },
  now: number,
  expires: number | undefined,
): { readonly key: string; readonly entry: KeyEntry } {
  const key = `cellstep_${randomBytes(32).toString('base64url')}`;
  const entry: KeyEntry = {
    ...about,
    scopes: [...about.scopes],
    sha256: digestOf(key),
    created_at: new Date(now).toISOString(),
    expires_at: expires === undefined ? null : new Date(expires).toISOString(),
  };
  return { key, entry };
}

/** A key of 256 random bits needs no slow hash: there is nothing to guess. */
export function digestOf(key: string): string {
  return hash('sha256', key, 'hex');
}

export function hasExpired({ expires_at }: Pick<KeyEntry, 'expires_at'>, now: number): boolean {
  return expires_at !== null && Date.parse(expires_at) <= now;
}
