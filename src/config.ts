import { availableParallelism } from 'node:os';
import type { z } from 'zod';
import { asksWho, type GateRules } from './access/gate.ts';
import type { Limits } from './domain/limits.ts';
import type { Quotas } from './domain/quotas.ts';
import type { RuntimeLimits } from './engine/onnxruntime/graph-process.ts';
import { environment } from './environment.ts';
import type { BrowserRules } from './http/callers/foreign-pages.ts';
import type { TlsFiles } from './http/connections/tls.ts';

/** The names of all variables, for the documentation's test. */
export const VARIABLES: readonly string[] = Object.keys(environment.shape);

/** Everything that the environment sets, read once at the start. */
export interface Config extends GateRules {
  readonly host: string;
  readonly port: number;
  /** The port of the Open Inference Protocol over gRPC; undefined if it is not served. */
  readonly grpcPort: number | undefined;
  readonly store: string;
  /** For Redis: replicas that must have a commit before it is acknowledged. */
  readonly redisWait: number;
  readonly logLevel: string;
  /** Serve HTTPS with these files. If left out, serve HTTP. */
  readonly tls: TlsFiles | undefined;
  /** Shown to Redis. */
  readonly redisTls: TlsFiles | undefined;
  readonly browsers: BrowserRules;
  /** The quotas of each tenant that the keys file gives no others. */
  readonly quotas: Quotas;
  readonly limits: Limits;
  /** Processes that serve the port. */
  readonly workers: number;
  /** Threads of each process for large work; 0: all is computed between requests. */
  readonly threads: number;
  /** Bytes of weights that are kept in the layout of the kernels. */
  readonly maxPackedBytes: number;
  /** Use 256-bit operations if V8 and the processor have them. */
  readonly wideSimd: boolean;
  /** Fused multiply-adds: faster, but not the same bits on every machine. */
  readonly relaxedSimd: boolean;
  /** Rows of one batch of steps of several requests; 1: each runs alone. */
  readonly batchRows: number;
  /** Bounds of the processes that run whole ONNX graphs. Without `maxBytes` they depend on the memory of the container. */
  readonly onnx: Omit<RuntimeLimits, 'maxBytes' | 'maxResultBytes'> & { readonly maxBytes: number | undefined };
  /** Messages of one stream or socket that are carried out at once. */
  readonly streamInFlight: number;
  /** Bytes of unread answers at which a socket is closed. */
  readonly streamUnreadBytes: number;
  /** The time in which something of a body must come, or something of a reply must be taken. */
  readonly stallSeconds: number;
  /** Connections of one address; 0: no limit. */
  readonly connectionsPerAddress: number;
  /** Requests are refused while the turns of the event loop are late by more than this; 0: never. */
  readonly maxLoopMilliseconds: number;
  /** The time in which a whole request must arrive. */
  readonly requestSeconds: number;
  /** The time after a signal until running requests are cut off. */
  readonly shutdownSeconds: number;
  /** CELLSTEP_ variables that do not exist, probably misspelt. */
  readonly unknown: readonly string[];
}

/** One line for each wrong variable: its name, its value, and the values that it takes. */
export class ConfigError extends Error {
  readonly lines: readonly string[];

  constructor(lines: readonly string[]) {
    super(lines.join('\n'));
    this.lines = lines;
  }
}

/** @throws {ConfigError} naming every variable that is wrong */
export function readConfig(env: Readonly<Record<string, string | undefined>>): Config {
  const parsed = environment.safeParse(Object.fromEntries(VARIABLES.map((name) => [name, env[name]])));
  if (!parsed.success) {
    const firsts = new Map(
      parsed.error.issues.map(({ path, message }) => [String(path[0]), message] as const).reverse(),
    );
    throw new ConfigError(
      VARIABLES.flatMap((name) => (firsts.has(name) ? [wrong(name, env[name], firsts.get(name))] : [])),
    );
  }
  const values = parsed.data;
  const contradictions = contradictionsOf(values);
  if (contradictions.length > 0) throw new ConfigError(contradictions);
  return Object.freeze({
    host: values.CELLSTEP_HOST,
    port: values.CELLSTEP_PORT,
    grpcPort: values.CELLSTEP_GRPC_PORT,
    store: values.CELLSTEP_STORE,
    redisWait: values.CELLSTEP_REDIS_WAIT,
    logLevel: values.CELLSTEP_LOG_LEVEL,
    ...gateOf(values),
    tls: pairOf(values, 'CELLSTEP_TLS_CERT', 'CELLSTEP_TLS_KEY'),
    redisTls: pairOf(values, 'CELLSTEP_REDIS_CERT', 'CELLSTEP_REDIS_KEY'),
    browsers: Object.freeze({ hosts: hostsOf(values), corsOrigins: values.CELLSTEP_CORS_ORIGINS }),
    quotas: quotasOf(values),
    limits: Object.freeze({
      maxBodyBytes: values.CELLSTEP_MAX_BODY_BYTES,
      maxJsonBytes: values.CELLSTEP_MAX_JSON_BYTES,
      maxInFlightBytes: values.CELLSTEP_MAX_IN_FLIGHT_BYTES,
      maxCheckpointBytes: values.CELLSTEP_MAX_CHECKPOINT_BYTES,
      maxThingBytes: values.CELLSTEP_MAX_THING_BYTES,
      maxUnits: values.CELLSTEP_MAX_UNITS,
      maxElements: values.CELLSTEP_MAX_ELEMENTS,
      maxHistoryBytes: values.CELLSTEP_MAX_HISTORY_BYTES,
      keyHours: values.CELLSTEP_KEY_HOURS,
      maxKeyBytes: values.CELLSTEP_MAX_KEY_BYTES,
      maxPinnedVersions: values.CELLSTEP_MAX_PINNED_VERSIONS,
      maxWork: values.CELLSTEP_MAX_WORK,
      maxTrainingWork: values.CELLSTEP_MAX_TRAINING_WORK,
      maxDrawWork: values.CELLSTEP_MAX_DRAW_WORK,
    }),
    workers: values.CELLSTEP_WORKERS,
    threads: values.CELLSTEP_THREADS ?? Math.max(1, Math.floor(availableParallelism() / values.CELLSTEP_WORKERS)),
    batchRows: values.CELLSTEP_BATCH_ROWS,
    maxPackedBytes: values.CELLSTEP_MAX_PACKED_BYTES,
    wideSimd: values.CELLSTEP_WIDE_SIMD === 'auto',
    relaxedSimd: values.CELLSTEP_RELAXED_SIMD === '1',
    onnx: Object.freeze({
      maxBytes: values.CELLSTEP_ONNX_MAX_BYTES,
      maxSeconds: values.CELLSTEP_ONNX_SECONDS,
      processes: values.CELLSTEP_ONNX_PROCESSES,
    }),
    streamInFlight: values.CELLSTEP_STREAM_IN_FLIGHT,
    streamUnreadBytes: values.CELLSTEP_STREAM_UNREAD_BYTES,
    stallSeconds: values.CELLSTEP_STALL_SECONDS,
    connectionsPerAddress: values.CELLSTEP_MAX_CONNECTIONS,
    maxLoopMilliseconds: values.CELLSTEP_MAX_LOOP_MILLISECONDS,
    requestSeconds: values.CELLSTEP_REQUEST_SECONDS,
    shutdownSeconds: values.CELLSTEP_SHUTDOWN_SECONDS,
    unknown: Object.keys(env).filter((name) => name.startsWith('CELLSTEP_') && !VARIABLES.includes(name)),
  });
}

type Values = z.output<typeof environment>;

/** 0 means no limit. */
function quotasOf(values: Values): Quotas {
  const all: Required<Quotas> = {
    cells: values.CELLSTEP_QUOTA_CELLS,
    sessions: values.CELLSTEP_QUOTA_SESSIONS,
    variables: values.CELLSTEP_QUOTA_VARIABLES,
    stored_bytes: values.CELLSTEP_QUOTA_STORED_BYTES,
    requests_per_second: values.CELLSTEP_RATE_LIMIT,
    work_per_second: values.CELLSTEP_QUOTA_WORK_PER_SECOND,
    connections: values.CELLSTEP_QUOTA_CONNECTIONS,
  };
  return Object.freeze(Object.fromEntries(Object.entries(all).filter(([, limit]) => limit > 0)));
}

/** Keys and passwords are secrets: the line says what is wrong with them, not what they are. */
function wrong(name: string, value: string | undefined, message = ''): string {
  const secret = name === 'CELLSTEP_API_KEYS' || (name === 'CELLSTEP_STORE' && value?.includes('@'));
  return `${name}${secret ? '' : ` '${value}'`} ${message}.`;
}

/** Who can reach the service, and whether it asks who they are. */
function accessOf(values: Values): { readonly local: boolean; readonly authenticated: boolean } {
  const { CELLSTEP_HOST: host } = values;
  return {
    local: host === 'localhost' || /^(127\.|::1$)/.test(host),
    authenticated: asksWho(gateOf(values)),
  };
}

/** The ways in which callers may say who they are. */
function gateOf(values: Values): GateRules {
  const { CELLSTEP_API_KEYS: apiKeys, CELLSTEP_KEYS_FILE: keysFile, CELLSTEP_OIDC_ISSUER: issuer } = values;
  const tokens = issuer && {
    issuer,
    audience: values.CELLSTEP_OIDC_AUDIENCE,
    algorithms: values.CELLSTEP_OIDC_ALGORITHMS,
    skewSeconds: values.CELLSTEP_OIDC_SKEW_SECONDS,
    tenantClaim: values.CELLSTEP_OIDC_TENANT_CLAIM,
    jwksUrl: values.CELLSTEP_OIDC_JWKS_URL,
  };
  return { apiKeys, ...(keysFile ? { keysFile } : {}), ...(tokens ? { tokens } : {}) };
}

type FileVariable = 'CELLSTEP_TLS_CERT' | 'CELLSTEP_TLS_KEY' | 'CELLSTEP_REDIS_CERT' | 'CELLSTEP_REDIS_KEY';

/** A certificate and its key. One without the other is refused (contradictionsOf). */
function pairOf(values: Values, certName: FileVariable, keyName: FileVariable): TlsFiles | undefined {
  const { [certName]: cert, [keyName]: key } = values;
  return cert !== undefined && key !== undefined ? { cert, key, variables: `${certName} and ${keyName}` } : undefined;
}

/** A service that is protected only by its address answers only to names of that address. */
function hostsOf(values: Values): BrowserRules['hosts'] {
  if (values.CELLSTEP_ALLOWED_HOSTS.length > 0) return values.CELLSTEP_ALLOWED_HOSTS;
  const { local, authenticated } = accessOf(values);
  return local && !authenticated ? 'loopback' : 'any';
}

/** Values that are valid alone but contradict each other. */
function contradictionsOf(values: Values): string[] {
  const { local, authenticated } = accessOf(values);
  const lines: string[] = [];
  if (!local && !authenticated && values.CELLSTEP_AUTH !== 'none') {
    const how =
      'Set CELLSTEP_API_KEYS, CELLSTEP_KEYS_FILE or CELLSTEP_OIDC_ISSUER, or CELLSTEP_AUTH=none to let in everybody who can reach it';
    lines.push(`CELLSTEP_HOST '${values.CELLSTEP_HOST}' is reachable from other machines. ${how}.`);
  }
  if (values.CELLSTEP_AUTH === 'none' && authenticated) {
    const set = (['CELLSTEP_API_KEYS', 'CELLSTEP_KEYS_FILE', 'CELLSTEP_OIDC_ISSUER'] as const).filter(
      (name) => values[name]?.length,
    );
    lines.push(`CELLSTEP_AUTH none contradicts ${set.join(' and ')}. Set one of them.`);
  }
  if (values.CELLSTEP_OIDC_ISSUER && values.CELLSTEP_OIDC_AUDIENCE.length === 0) {
    lines.push(
      'CELLSTEP_OIDC_ISSUER needs CELLSTEP_OIDC_AUDIENCE: a token for another service must not open this one.',
    );
  }
  for (const name of ['CELLSTEP_MAX_BODY_BYTES', 'CELLSTEP_MAX_CHECKPOINT_BYTES'] as const) {
    if (values[name] > values.CELLSTEP_MAX_IN_FLIGHT_BYTES) {
      lines.push(`${name} '${values[name]}' is over CELLSTEP_MAX_IN_FLIGHT_BYTES, which is for all bodies together.`);
    }
  }
  for (const what of ['TLS', 'REDIS'] as const) {
    const [cert, key] = [`CELLSTEP_${what}_CERT`, `CELLSTEP_${what}_KEY`] as const;
    if (!values[cert] !== !values[key]) {
      lines.push(`${values[cert] ? cert : key} needs ${values[cert] ? key : cert}. Set both, or neither.`);
    }
  }
  if (values.CELLSTEP_REDIS_CERT && !values.CELLSTEP_STORE.startsWith('rediss')) {
    lines.push(
      'CELLSTEP_REDIS_CERT is for a store that is reached over TLS. Set CELLSTEP_STORE to a URL that begins with rediss.',
    );
  }
  if (
    values.CELLSTEP_GRPC_PORT !== undefined &&
    values.CELLSTEP_GRPC_PORT > 0 &&
    values.CELLSTEP_GRPC_PORT === values.CELLSTEP_PORT
  ) {
    lines.push(`CELLSTEP_GRPC_PORT '${values.CELLSTEP_GRPC_PORT}' is CELLSTEP_PORT too. Set another one.`);
  }
  if (values.CELLSTEP_WORKERS > 1 && values.CELLSTEP_STORE === 'memory:') {
    const how = 'Set lmdb:<directory> or redis://host, or one worker';
    lines.push(
      `CELLSTEP_WORKERS '${values.CELLSTEP_WORKERS}' cannot share CELLSTEP_STORE 'memory:', which each would have for itself. ${how}.`,
    );
  }
  return lines;
}
