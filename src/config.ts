import { isIP } from 'node:net';
import { availableParallelism } from 'node:os';
import { z } from 'zod';
import type { Limits } from './domain/limits.ts';

const MIB = 2 ** 20;

/** A whole number from the environment, in a range. */
function whole(low: number, high: number, standard: number) {
  return z
    .string()
    .default(`${standard}`)
    .refine((text) => /^[0-9]{1,15}$/.test(text) && Number(text) >= low && Number(text) <= high, {
      error: `is not a whole number from ${low} to ${high}`,
    })
    .transform(Number);
}

/** Threads where nothing is said: as many as there are cores, shared among the workers. */
const THREADS = z
  .string()
  .default('auto')
  .refine((text) => text === 'auto' || (/^[0-9]{1,3}$/.test(text) && Number(text) <= 256), {
    error: 'is not auto or a whole number from 0 to 256',
  })
  .transform((text) => (text === 'auto' ? undefined : Number(text)));

const environment = z.object({
  CELLSTEP_HOST: z
    .string()
    .default('127.0.0.1')
    .refine((host) => host === 'localhost' || isIP(host) !== 0, { error: 'is not an IP address or localhost' }),
  CELLSTEP_PORT: whole(0, 65535, 8080),
  CELLSTEP_STORE: z
    .string()
    .default('lmdb:./data')
    .refine((url) => url === 'memory:' || /^(?:lmdb:.|rediss?(?:\+cluster)?:\/\/.)/.test(url), {
      error: 'is not memory:, lmdb:<directory>, redis://host or redis+cluster://host,host',
    }),
  CELLSTEP_REDIS_WAIT: whole(0, 16, 0),
  CELLSTEP_LOG_LEVEL: z
    .string()
    .default('info')
    .refine((level) => ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'].includes(level), {
      error: 'is not one of trace, debug, info, warn, error, fatal, silent',
    }),
  CELLSTEP_API_KEYS: z
    .string()
    .default('')
    .transform((text) => text.split(',').filter((key) => key !== ''))
    .refine((keys) => keys.every((key) => /^[\x21-\x7e]{16,256}$/.test(key)), {
      error: 'has a key that is not 16 to 256 visible ASCII characters (separate keys by commas)',
    }),
  CELLSTEP_AUTH: z
    .string()
    .default('')
    .refine((text) => text === '' || text === 'none', { error: 'is not none' }),
  CELLSTEP_MAX_BODY_BYTES: whole(1024, 2 ** 30, 16 * MIB),
  CELLSTEP_MAX_CHECKPOINT_BYTES: whole(1024, 2 ** 30, 256 * MIB),
  CELLSTEP_MAX_UNITS: whole(1, 2 ** 16, 8192),
  CELLSTEP_MAX_ELEMENTS: whole(1, 2 ** 28, 2 ** 25),
  CELLSTEP_MAX_HISTORY_BYTES: whole(0, 2 ** 28, 16 * MIB),
  CELLSTEP_MAX_PINNED_VERSIONS: whole(0, 10_000, 100),
  CELLSTEP_MAX_WORK: whole(1, 1e15, 4e9),
  CELLSTEP_MAX_DRAW_WORK: whole(1, 1e15, 8e10),
  CELLSTEP_WORKERS: whole(1, 64, 1),
  CELLSTEP_THREADS: THREADS,
  CELLSTEP_BATCH_ROWS: whole(1, 4096, 256),
  CELLSTEP_MAX_PACKED_BYTES: whole(2 ** 20, 3 * 2 ** 30, 256 * MIB),
  CELLSTEP_WIDE_SIMD: z
    .string()
    .default('auto')
    .refine((text) => text === 'auto' || text === '0', { error: 'is not auto or 0' }),
  CELLSTEP_RELAXED_SIMD: z
    .string()
    .default('0')
    .refine((text) => text === '0' || text === '1', { error: 'is not 0 or 1' }),
  CELLSTEP_REQUEST_SECONDS: whole(1, 3600, 120),
  CELLSTEP_SHUTDOWN_SECONDS: whole(0, 3600, 10),
});

/** The names of all variables, for the documentation's test. */
export const VARIABLES: readonly string[] = Object.keys(environment.shape);

/** Everything that the environment sets, read once at the start. */
export interface Config {
  readonly host: string;
  readonly port: number;
  readonly store: string;
  /** Replicas that must have a commit before it is acknowledged, where the store is Redis. */
  readonly redisWait: number;
  readonly logLevel: string;
  readonly apiKeys: readonly string[];
  readonly limits: Limits;
  /** Processes that serve the port. */
  readonly workers: number;
  /** Threads of each process for large work; 0: all is computed between requests. */
  readonly threads: number;
  /** Of weights in the layout of the kernels. */
  readonly maxPackedBytes: number;
  /** 256-bit operations where V8 and the processor have them. */
  readonly wideSimd: boolean;
  /** Fused multiply-adds: faster, but not the same bits on every machine. */
  readonly relaxedSimd: boolean;
  /** Rows of one batch of steps of several requests; 1: each runs alone. */
  readonly batchRows: number;
  /** In which a request has to arrive whole. */
  readonly requestSeconds: number;
  /** After a signal, until requests that still run are cut off. */
  readonly shutdownSeconds: number;
  /** CELLSTEP_ variables that mean nothing, most likely misspelt. */
  readonly unknown: readonly string[];
}

/** One line for a person: which variable is wrong, what it has, what it takes. */
export class ConfigError extends Error {}

/** @throws {ConfigError} naming the variable */
export function readConfig(env: Readonly<Record<string, string | undefined>>): Config {
  const parsed = environment.safeParse(Object.fromEntries(VARIABLES.map((name) => [name, env[name]])));
  if (!parsed.success) {
    const [{ path, message }] = parsed.error.issues;
    const name = String(path[0]);
    // Keys and passwords are secrets: the message says what is wrong with them, not what they are.
    const secret = name === 'CELLSTEP_API_KEYS' || (name === 'CELLSTEP_STORE' && env[name]?.includes('@'));
    const value = secret ? '' : ` '${env[name]}'`;
    throw new ConfigError(`${name}${value} ${message}.`);
  }
  const values = parsed.data;
  const local = values.CELLSTEP_HOST === 'localhost' || /^(127\.|::1$)/.test(values.CELLSTEP_HOST);
  if (!local && values.CELLSTEP_API_KEYS.length === 0 && values.CELLSTEP_AUTH !== 'none') {
    const how = 'Set CELLSTEP_API_KEYS, or CELLSTEP_AUTH=none to let in everybody who can reach it';
    throw new ConfigError(`CELLSTEP_HOST '${values.CELLSTEP_HOST}' is reachable from other machines. ${how}.`);
  }
  if (values.CELLSTEP_AUTH === 'none' && values.CELLSTEP_API_KEYS.length > 0) {
    throw new ConfigError('CELLSTEP_AUTH none contradicts CELLSTEP_API_KEYS. Set one of them.');
  }
  if (values.CELLSTEP_WORKERS > 1 && values.CELLSTEP_STORE === 'memory:') {
    const how = 'Set lmdb:<directory> or redis://host, or one worker';
    throw new ConfigError(
      `CELLSTEP_WORKERS '${values.CELLSTEP_WORKERS}' cannot share CELLSTEP_STORE 'memory:', which each would have for itself. ${how}.`,
    );
  }
  return Object.freeze({
    host: values.CELLSTEP_HOST,
    port: values.CELLSTEP_PORT,
    store: values.CELLSTEP_STORE,
    redisWait: values.CELLSTEP_REDIS_WAIT,
    logLevel: values.CELLSTEP_LOG_LEVEL,
    apiKeys: values.CELLSTEP_API_KEYS,
    limits: Object.freeze({
      maxBodyBytes: values.CELLSTEP_MAX_BODY_BYTES,
      maxCheckpointBytes: values.CELLSTEP_MAX_CHECKPOINT_BYTES,
      maxUnits: values.CELLSTEP_MAX_UNITS,
      maxElements: values.CELLSTEP_MAX_ELEMENTS,
      maxHistoryBytes: values.CELLSTEP_MAX_HISTORY_BYTES,
      maxPinnedVersions: values.CELLSTEP_MAX_PINNED_VERSIONS,
      maxWork: values.CELLSTEP_MAX_WORK,
      maxDrawWork: values.CELLSTEP_MAX_DRAW_WORK,
    }),
    workers: values.CELLSTEP_WORKERS,
    threads: values.CELLSTEP_THREADS ?? Math.max(1, Math.floor(availableParallelism() / values.CELLSTEP_WORKERS)),
    batchRows: values.CELLSTEP_BATCH_ROWS,
    maxPackedBytes: values.CELLSTEP_MAX_PACKED_BYTES,
    wideSimd: values.CELLSTEP_WIDE_SIMD === 'auto',
    relaxedSimd: values.CELLSTEP_RELAXED_SIMD === '1',
    requestSeconds: values.CELLSTEP_REQUEST_SECONDS,
    shutdownSeconds: values.CELLSTEP_SHUTDOWN_SECONDS,
    unknown: Object.keys(env).filter((name) => name.startsWith('CELLSTEP_') && !VARIABLES.includes(name)),
  });
}
