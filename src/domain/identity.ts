/** The rights of a request. No scope includes another. */
export const SCOPES = ['read', 'step', 'write', 'admin'] as const;
export type Scope = (typeof SCOPES)[number];

export const SCOPE_MEANINGS: Readonly<Record<Scope, string>> = {
  read: 'Read and list everything.',
  step: 'Compute, and open, step, reset, rewind, fork and end sessions.',
  write: 'Make, change and delete cells, variables and checkpoints.',
  admin: 'Read about the service as a whole, such as its metrics.',
};

/** The tenant of callers that name none. */
export const DEFAULT_TENANT = 'default';

/** Names of tenants and of keys. */
export const NAME_PATTERN = /^[a-z0-9][a-z0-9._-]{0,62}$/;
export const NAME_RULE = '1 to 63 of a-z, 0-9, dot, underscore and hyphen, beginning with a letter or a digit';

/** Who sent a request. */
export interface Identity {
  /** The name of the key, or the subject of the token. */
  readonly name: string;
  readonly tenant: string;
  readonly scopes: ReadonlySet<Scope>;
}

/** A sender that has not authenticated yet. */
export const NOBODY: Identity = { name: 'nobody', tenant: '', scopes: new Set() };

/** Every sender, if the service has no keys. */
export const ANYBODY: Identity = { name: 'anybody', tenant: DEFAULT_TENANT, scopes: new Set(SCOPES) };
