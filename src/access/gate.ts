import type { Identity } from '../domain/identity.ts';
import type { Clock } from '../domain/ports.ts';
import { Problem } from '../domain/problems.ts';
import { KeyRing } from './key-ring.ts';
import { readKeysFile } from './keys-file.ts';
import { type TokenRules, TokenVerifier } from './tokens.ts';
import { watchFiles } from './watch-files.ts';

/** The ways in which callers can say who they are. If there are none, everybody may do everything. */
export interface GateRules {
  readonly apiKeys?: readonly string[];
  readonly keysFile?: string;
  readonly tokens?: TokenRules;
}

/** Identifies callers. */
export interface Gate {
  /** Whether callers must say who they are. */
  readonly closed: boolean;
  /** Synchronous for a key, a promise for a token. @throws {Problem} unauthorized, issuer-unavailable */
  identify(credential: string): Identity | Promise<Identity>;
  /** Calls `changed` whenever other keys are valid than before, until it is called off. */
  watch(changed: () => void): () => void;
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
  const { apiKeys = [], keysFile, tokens } = rules;
  const ring = new KeyRing(apiKeys);
  const verifier = tokens && new TokenVerifier(tokens, clock);
  const watchers = new Set<() => void>();
  if (keysFile !== undefined) ring.replace(readKeysFile(keysFile));
  const unwatch = keysFile === undefined ? () => undefined : watchFiles([keysFile], () => reload(keysFile));

  function reload(path: string): void {
    try {
      const keys = readKeysFile(path);
      ring.replace(keys);
      for (const changed of watchers) changed();
      log?.info(`CELLSTEP_KEYS_FILE was read again: ${keys.length} keys`);
    } catch (error) {
      log?.error(`CELLSTEP_KEYS_FILE ${(error as Error).message}; the former keys stay`);
    }
  }
  return {
    closed: asksWho(rules),
    identify(credential) {
      const identity = ring.find(credential, clock());
      if (identity) return identity;
      if (verifier && credential.split('.').length === 3) return verifier.verify(credential);
      throw new Problem(
        'unauthorized',
        `This service does not know the ${verifier ? 'key or token' : 'key'} that was sent.`,
      );
    },
    watch(changed) {
      watchers.add(changed);
      return () => watchers.delete(changed);
    },
    close: unwatch,
  };
}
