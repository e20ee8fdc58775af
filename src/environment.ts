import { isIP } from 'node:net';
import { z } from 'zod';
import { isSafeUrl } from './access/safe-url.ts';

const MIB = 2 ** 20;

/** A whole number from the environment, in a range. */
function whole(low: number, high: number, standard: number) {
  return z
    .string()
    .default(`${standard}`)
    .refine((text) => isWhole(text, low, high), {
      error: `is not a whole number from ${low} to ${high}`,
    })
    .transform(Number);
}

function isWhole(text: string, low: number, high: number): boolean {
  return /^[0-9]{1,15}$/.test(text) && Number(text) >= low && Number(text) <= high;
}

/** A whole number in a range, or a word in place of one: undefined, and the default. */
function wholeOr(word: string, low: number, high: number) {
  return z
    .string()
    .default(word)
    .refine((text) => text === word || isWhole(text, low, high), {
      error: `is not ${word} or a whole number from ${low} to ${high}`,
    })
    .transform((text) => (text === word ? undefined : Number(text)));
}

/** A list separated by commas, in which every entry has one form. */
function listOf(form: RegExp, what: string, standard = '') {
  return z
    .string()
    .default(standard)
    .transform((text) => text.split(',').filter((part) => part !== ''))
    .refine((parts) => parts.every((part) => form.test(part)), {
      error: `is not a list of ${what}, separated by commas`,
    });
}

/** An empty value is the same as none. */
function optionalText() {
  return z
    .string()
    .optional()
    .transform((text) => text || undefined);
}

/** The URL of an issuer. Only on this machine may it be without TLS. */
function url() {
  return optionalText().refine((text) => text === undefined || isSafeUrl(text), {
    error: 'is not a URL that begins with https://',
  });
}

/** Every variable: its range, its default, and the message for a wrong value. */
export const environment = z.object({
  CELLSTEP_HOST: z
    .string()
    .default('127.0.0.1')
    .refine((host) => host === 'localhost' || isIP(host) !== 0, { error: 'is not an IP address or localhost' }),
  CELLSTEP_PORT: whole(0, 65535, 8080),
  CELLSTEP_GRPC_PORT: wholeOr('off', 0, 65535),
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
  CELLSTEP_KEYS_FILE: optionalText(),
  CELLSTEP_OIDC_ISSUER: url(),
  CELLSTEP_OIDC_AUDIENCE: listOf(/^[\x21-\x7e]{1,256}$/, 'names of audiences'),
  CELLSTEP_OIDC_JWKS_URL: url(),
  CELLSTEP_OIDC_ALGORITHMS: listOf(
    /^(RS|PS|ES)(256|384|512)$|^EdDSA$/,
    'RS256, ES256, PS256, EdDSA and their like',
    'RS256,PS256,ES256,EdDSA',
  ),
  CELLSTEP_OIDC_SKEW_SECONDS: whole(0, 300, 30),
  CELLSTEP_OIDC_TENANT_CLAIM: optionalText(),
  CELLSTEP_AUTH: z
    .string()
    .default('')
    .refine((text) => text === '' || text === 'none', { error: 'is not none' }),
  /** Names without a port, as a Host header has them. */
  CELLSTEP_ALLOWED_HOSTS: listOf(/^([a-z0-9_-]+(\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\])$/i, 'names of hosts without a port'),
  CELLSTEP_CORS_ORIGINS: listOf(/^https?:\/\/[^\s/?#@]+$/, 'origins such as https://app.example, without a path'),
  CELLSTEP_TLS_CERT: optionalText(),
  CELLSTEP_TLS_KEY: optionalText(),
  CELLSTEP_REDIS_CERT: optionalText(),
  CELLSTEP_REDIS_KEY: optionalText(),
  CELLSTEP_RATE_LIMIT: whole(0, 1e9, 0),
  CELLSTEP_QUOTA_CELLS: whole(0, 1e15, 0),
  CELLSTEP_QUOTA_SESSIONS: whole(0, 1e15, 0),
  CELLSTEP_QUOTA_VARIABLES: whole(0, 1e15, 0),
  CELLSTEP_QUOTA_STORED_BYTES: whole(0, 1e15, 0),
  CELLSTEP_QUOTA_WORK_PER_SECOND: whole(0, 1e15, 0),
  CELLSTEP_QUOTA_CONNECTIONS: whole(0, 1e15, 0),
  CELLSTEP_MAX_BODY_BYTES: whole(1024, 2 ** 30, 16 * MIB),
  CELLSTEP_MAX_JSON_BYTES: whole(1024, 2 ** 28, 4 * MIB),
  CELLSTEP_MAX_IN_FLIGHT_BYTES: whole(MIB, 2 ** 36, 256 * MIB),
  CELLSTEP_MAX_CHECKPOINT_BYTES: whole(1024, 2 ** 30, 96 * MIB),
  CELLSTEP_MAX_THING_BYTES: whole(1024, 2 ** 31, 96 * MIB),
  CELLSTEP_MAX_UNITS: whole(1, 2 ** 16, 8192),
  CELLSTEP_MAX_ELEMENTS: whole(1, 2 ** 28, 2 ** 24),
  CELLSTEP_MAX_HISTORY_BYTES: whole(0, 2 ** 28, 16 * MIB),
  CELLSTEP_KEY_HOURS: whole(1, 24 * 366, 24),
  CELLSTEP_MAX_KEY_BYTES: whole(MIB, 2 ** 40, 128 * MIB),
  CELLSTEP_MAX_PINNED_VERSIONS: whole(0, 10_000, 100),
  CELLSTEP_MAX_WORK: whole(1, 1e15, 4e9),
  CELLSTEP_MAX_TRAINING_WORK: whole(1, 1e15, 1e12),
  CELLSTEP_MAX_DRAW_WORK: whole(1, 1e15, 8e10),
  CELLSTEP_WORKERS: whole(1, 64, 1),
  /** auto: the cores, shared among the workers. */
  CELLSTEP_THREADS: wholeOr('auto', 0, 256),
  CELLSTEP_BATCH_ROWS: whole(1, 4096, 256),
  CELLSTEP_MAX_PACKED_BYTES: whole(2 ** 20, 3 * 2 ** 30, 128 * MIB),
  CELLSTEP_WIDE_SIMD: z
    .string()
    .default('auto')
    .refine((text) => text === 'auto' || text === '0', { error: 'is not auto or 0' }),
  CELLSTEP_RELAXED_SIMD: z
    .string()
    .default('0')
    .refine((text) => text === '0' || text === '1', { error: 'is not 0 or 1' }),
  /** auto: what the container has left (memory-need.ts). */
  CELLSTEP_ONNX_MAX_BYTES: wholeOr('auto', 2 ** 28, 2 ** 40),
  CELLSTEP_ONNX_SECONDS: whole(1, 3600, 10),
  CELLSTEP_ONNX_PROCESSES: whole(1, 64, 2),
  CELLSTEP_STREAM_IN_FLIGHT: whole(1, 65_536, 256),
  CELLSTEP_STREAM_UNREAD_BYTES: whole(2 ** 16, 2 ** 30, 16 * MIB),
  CELLSTEP_REQUEST_SECONDS: whole(1, 3600, 120),
  CELLSTEP_STALL_SECONDS: whole(1, 3600, 60),
  CELLSTEP_MAX_CONNECTIONS: whole(0, 1_000_000, 2_000),
  CELLSTEP_MAX_LOOP_MILLISECONDS: whole(0, 60_000, 2_000),
  CELLSTEP_SHUTDOWN_SECONDS: whole(0, 3600, 10),
});
