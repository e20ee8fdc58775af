import { setImmediate as nextTurn } from 'node:timers/promises';
import { LONG_BYTES } from '../../domain/bytes.ts';
import type { CountedStore } from '../../domain/ports.ts';
import { checkCommit, isKey } from '../../domain/store-keys.ts';
import { NO_USAGE } from '../../domain/usage.ts';
import { bytesOf, revisionOf } from '../record.ts';
import { createClient, type RedisClient } from './client.ts';
import { createCommitter, type ReplicaWait } from './commits.ts';
import { storeProblem, TimeLimitError } from './errors.ts';
import { createGate, type Gate } from './gate.ts';
import { BUCKET_NAMES, bucketOf, valueName } from './keys.ts';
import { listEntries } from './list.ts';
import { connectAll } from './opening.ts';
import { createScriptCalls, probeCall } from './script.ts';
import { claimFormat, inspectServers } from './server.ts';
import { type ClientCertificate, parseRedisUrl, type RedisTarget } from './url.ts';
import { freeBytesOf, readUsages } from './usage.ts';

export interface RedisStoreOptions {
  /** Time limit of every call, after which a silent connection is also dropped; 2,000 if left out. */
  readonly timeoutMilliseconds?: number;
  /** Replicas that must have a commit before it is acknowledged (WAIT); 0 when left out. */
  readonly waitReplicas?: number;
  /** Shown to servers that ask for one. */
  readonly certificate?: ClientCertificate;
  /** Called at the opening with one line for each way in which the server may lose data. */
  readonly warn?: (message: string) => void;
}

const DEFAULT_TIMEOUT = 2_000;
/** Opening takes several calls, one after the other. */
const OPENING_TIMEOUTS = 3;
/** The most calls that run at once. Others wait here, where they cost the server nothing and can still be withdrawn. */
const MAX_CALLS = 256;
const MAX_COMMIT_BYTES = 64 * 2 ** 20;

/**
 * A store in Redis or Valkey, on one server (`redis://`, `rediss://`) or a cluster (`redis+cluster://`), which several
 * processes may share. A commit is one script; keys.ts has how the keys lie. A commit that resolved is as safe as
 * the server makes it (appendfsync), and `waitReplicas` of its replicas have it.
 *
 * Every call ends within the time limit, with the Problem `store-unavailable` when it fails. Nothing is sent twice: after a
 * time limit or a lost connection nobody knows whether a commit was made, and it is never reported as made or as a
 * conflict. The store recovers as soon as the server does.
 * Throws StoreOpenError when the URL is malformed, or the server cannot be reached or used.
 */
export async function openRedisStore(url: string, options: RedisStoreOptions = {}): Promise<CountedStore> {
  const { timeoutMilliseconds: timeout = DEFAULT_TIMEOUT, waitReplicas = 0, certificate, warn } = options;
  const target = { ...parseRedisUrl(url), ...(certificate && { certificate }) };
  // A connection that waits for replicas serves nothing else, so readers have their own.
  const reader = createClient(target, timeout);
  const writer = waitReplicas > 0 ? createClient(target, timeout) : reader;
  const clients = [...new Set([reader, writer])];
  const opening = { clients, shown: target.shown, milliseconds: OPENING_TIMEOUTS * timeout };
  const warnings = await connectAll(opening, async () => {
    const found = await inspectServers(reader, { ...target, waitReplicas });
    await claimFormat(reader.commands, target.shown);
    return found;
  });
  for (const warning of warnings) warn?.(warning);
  // A commit behind one that waits in vain must still learn why, before its own time is over.
  const wait = { replicas: waitReplicas, milliseconds: Math.floor(timeout / 3) };
  return redisStore({ reader, writer, target, timeout, wait });
}

interface Connected {
  readonly reader: RedisClient;
  readonly writer: RedisClient;
  readonly target: RedisTarget;
  readonly timeout: number;
  readonly wait: ReplicaWait;
}

function redisStore({ reader, writer, target, timeout, wait }: Connected): CountedStore {
  const commitCall = createCommitter(writer, wait);
  const toCall = createScriptCalls();
  const reads = createGate(MAX_CALLS, Number.POSITIVE_INFINITY);
  const commits = createGate(MAX_CALLS, MAX_COMMIT_BYTES);
  const underWay = new Set<Promise<unknown>>();
  let closing: Promise<void> | undefined;

  function requireOpen(): void {
    if (closing !== undefined) throw new Error('store is closed');
  }

  async function limited<T>(client: RedisClient, gate: Gate, size: number, work: () => Promise<T>): Promise<T> {
    const ended = new AbortController();
    const limit = Promise.withResolvers<never>();
    const error = new TimeLimitError(`it did not answer within ${timeout} ms; what was sent may still take effect`);
    const timer = setTimeout(() => {
      ended.abort(error);
      limit.reject(error);
    }, timeout);
    const result = gate.pass(size, ended.signal, () => {
      if (!client.isReady()) throw new Error('not connected');
      return work();
    });
    const call = Promise.race([result, limit.promise]);
    underWay.add(call);
    try {
      return await call;
    } catch (error) {
      throw storeProblem(error);
    } finally {
      clearTimeout(timer);
      underWay.delete(call);
    }
  }

  return {
    async get(key, hold) {
      requireOpen();
      if (!isKey(key)) return undefined;
      const name = valueName(bucketOf(key), key);
      const record = await limited(reader, reads, 0, () => reader.commands.getBuffer(name));
      if (record === null) return undefined;
      if (record.length > LONG_BYTES) hold?.(record.length);
      return { revision: revisionOf(record), bytes: bytesOf(record) };
    },

    async commit(writes) {
      requireOpen();
      checkCommit(writes);
      if (writes.length === 0) return 'committed';
      const call = toCall(bucketOf(writes[0].key), writes);
      return limited(writer, commits, call.size, async () => {
        await nextTurn();
        return commitCall(call);
      });
    },

    async list(prefix, after, limit, maxBytes) {
      requireOpen();
      if (limit < 1) return [];
      return limited(reader, reads, 0, () => listEntries(reader.commands, prefix, after, { limit, maxBytes }));
    },

    /** Sends a call that fails wherever a write would fail, to every bucket of a cluster. */
    async check() {
      requireOpen();
      const buckets = target.cluster ? BUCKET_NAMES : BUCKET_NAMES.slice(0, 1);
      await limited(writer, reads, 0, () => Promise.all(buckets.map((bucket) => commitCall(probeCall(bucket)))));
    },

    async usageOf(tenant) {
      requireOpen();
      const found = await limited(reader, reads, 0, () => readUsages(reader.commands, tenant));
      return found.get(tenant) ?? NO_USAGE;
    },

    async usages() {
      requireOpen();
      return limited(reader, reads, 0, () => readUsages(reader.commands));
    },

    /** In a cluster: the value of the fullest server. */
    async freeBytes() {
      requireOpen();
      const infos = await limited(reader, reads, 0, () =>
        Promise.all(reader.servers().map(({ server }) => server.info())),
      );
      const free = infos.map(freeBytesOf).filter((bytes) => bytes !== undefined);
      return free.length > 0 ? Math.min(...free) : undefined;
    },

    async close() {
      closing ??= Promise.allSettled(underWay).then(() => {
        reader.disconnect();
        writer.disconnect();
      });
      return closing;
    },
  };
}
