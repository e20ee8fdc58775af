import type { Identity } from '../domain/identity.ts';
import type { Clock } from '../domain/ports.ts';
import { Problem } from '../domain/problems.ts';
import type { Quotas } from '../domain/quotas.ts';
import { KeyRing } from './key-ring.ts';
import { type KeysFile, readKeysFile } from './keys-file.ts';
import { quotasFor } from './quota-entry.ts';
import type { TokenRules } from './tokens.ts';
import { watchFiles } from './watch-files.ts';

/** The ways in which callers can say who they are. If there are none, everybody may do everything. */
export interface GateRules {
  readonly apiKeys?: readonly string[];
  readonly keysFile?: string;
  readonly tokens?: TokenRules;
  /** The quotas of each tenant that the keys file gives no others. */
  readonly quotas?: Quotas;
}

/** Identifies callers. */
export interface Gate {
  /** Whether callers must say who they are. */
  readonly closed: boolean;
  /** Synchronous for a key, a promise for a token. @throws {Problem} unauthorized, issuer-unavailable */
  identify(credential: string): Identity | Promise<Identity>;
  /** Calls `changed` whenever the valid keys change. Returns a function that stops it. */
  watch(changed: () => void): () => void;
  quotasOf(tenant: string): Quotas;
  close(): void;
}

interface Log {
  info(message: string): void;
  error(message: string): void;
}

/** Whether callers must say who they are. */
export function asksWho({ apiKeys = [], keysFile, tokens }: GateRules): boolean {
  return apiKeys.length > 0 || keysFile !== undefined || tokens !== undefined;
}

/** Reads the file of keys, and again whenever it changes. @throws {KeysFileError} if it cannot be read at the start */
export function openGate(rules: GateRules, clock: Clock, log?: Log): Gate {
  const { apiKeys = [], keysFile, tokens, quotas = {} } = rules;
  let quotasOfTenants: ReadonlyMap<string, Quotas> = new Map();
  const ring = new KeyRing(apiKeys);
  // Loaded only where it is needed: it takes part of the start.
  const verifier = tokens && import('./tokens.ts').then(({ TokenVerifier }) => new TokenVerifier(tokens, clock));
  const watchers = new Set<() => void>();
  if (keysFile !== undefined) use(readKeysFile(keysFile));
  const unwatch = keysFile === undefined ? () => undefined : watchFiles([keysFile], () => reload(keysFile));

  function use(file: KeysFile): void {
    ring.replace(file.keys);
    quotasOfTenants = new Map(Object.entries(file.quotas).map(([tenant, entry]) => [tenant, quotasFor(quotas, entry)]));
  }

  function reload(path: string): void {
    try {
      const file = readKeysFile(path);
      use(file);
      for (const changed of watchers) changed();
      log?.info(`CELLSTEP_KEYS_FILE was read again: ${file.keys.length} keys`);
    } catch (error) {
      log?.error(`CELLSTEP_KEYS_FILE ${(error as Error).message}; the former keys stay`);
    }
  }
  return {
    closed: asksWho(rules),
    identify(credential) {
      const identity = ring.find(credential, clock());
      if (identity) return identity;
      if (verifier && credential.split('.').length === 3) {
        return verifier.then((loaded) => loaded.verify(credential));
      }
      throw new Problem(
        'unauthorized',
        `This service does not know the ${verifier ? 'key or token' : 'key'} that was sent.`,
      );
    },
    watch(changed) {
      watchers.add(changed);
      return () => watchers.delete(changed);
    },
    quotasOf: (tenant) => quotasOfTenants.get(tenant) ?? quotas,
    close: unwatch,
  };
}
