import { Cluster, type CommonRedisOptions, Redis } from 'ioredis';
import { messageOf } from './errors.ts';
import { slotOf } from './keys.ts';
import { COMMIT_SCRIPT, USAGE_SCRIPT } from './script.ts';
import type { RedisTarget } from './url.ts';

/** The commands of the store for one server. In a cluster each command goes to the node that has its keys. */
export interface RedisCommands {
  get(name: string): Promise<string | null>;
  getBuffer(name: string): Promise<Buffer | null>;
  mgetBuffer(names: string[]): Promise<(Buffer | null)[]>;
  strlen(name: string): Promise<number>;
  publish(channel: string, message: Buffer): Promise<number>;
  set(name: string, value: string, mode: 'NX' | 'XX'): Promise<'OK' | null>;
  zrangebylex(
    name: string,
    min: string | Buffer,
    max: string | Buffer,
    limit: 'LIMIT',
    offset: number,
    count: number,
  ): Promise<string[]>;
  exists(name: string): Promise<number>;
  pipeline(): CommitPipeline;
  /** COMMIT_SCRIPT: EVALSHA, or EVAL if the server does not have the script. */
  cellstepCommit(keyCount: number, ...keysAndArgs: readonly (string | Buffer)[]): Promise<unknown>;
  /** USAGE_SCRIPT, likewise. */
  cellstepUsage(keyCount: number, ...keysAndArgs: readonly string[]): Promise<unknown>;
}

/** Commands that one node gets together. */
interface CommitPipeline {
  eval(script: string, keyCount: number, ...keysAndArgs: readonly (string | Buffer)[]): CommitPipeline;
  wait(replicas: number, milliseconds: number): CommitPipeline;
  exec(): Promise<readonly (readonly [Error | null, unknown])[] | null>;
}

/** The information that a server gives about itself. */
export interface RedisServer {
  info(): Promise<string>;
  config(get: 'GET', name: string): Promise<unknown>;
}

export interface RedisClient {
  readonly commands: RedisCommands;
  /** Resolves when commands can be sent; rejects with an Error whose message says why not. */
  connect(): Promise<void>;
  /** Whether a command would be sent now. What can't be sent is not kept for later. */
  isReady(): boolean;
  /** Names the node that has a bucket now; commands to one node may go together. */
  nodeOf(bucket: string): string;
  /** The server, or the primaries of the cluster, with their addresses. */
  servers(): readonly { readonly address: string; readonly server: RedisServer }[];
  /** Receives all messages of a channel from now on, also after reconnecting. */
  subscribe(channel: string, heard: (message: Buffer) => void): Promise<void>;
  /** At once; what is under way is rejected. */
  disconnect(): void;
}

const SCRIPTS = { cellstepCommit: { lua: COMMIT_SCRIPT }, cellstepUsage: { lua: USAGE_SCRIPT } };

/**
 * Options of ioredis, and why:
 * - socketTimeout: a connection on which nothing comes while something is due is given up. Without it, one that was cut
 *   silently would be used until the kernel gives up, a quarter of an hour later.
 * - nothing is sent twice (autoResendUnfulfilledCommands, maxRetriesPerRequest, in a cluster retryDelayOnFailover): a
 *   commit that was made, and whose answer was lost, would conflict with itself. Only what a node did not execute
 *   (MOVED, ASK, TRYAGAIN, CLUSTERDOWN) is sent again.
 * - protocol 2: nothing of 3 is needed, and it takes a command less to connect.
 */
function commonOptions(
  { tls, certificate, username, password, database }: RedisTarget,
  timeout: number,
): CommonRedisOptions {
  return {
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password }),
    ...(tls && { tls: { ...certificate } }),
    db: database,
    protocol: 2,
    connectionName: 'cellstep',
    disableClientInfo: true,
    connectTimeout: timeout,
    socketTimeout: timeout,
    keepAlive: 10_000,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    maxLoadingRetryTime: 500,
  };
}

/** A client that is not connected yet. Once it was, it connects again by itself whenever it can. */
export function createClient(target: RedisTarget, timeout: number): RedisClient {
  return target.cluster ? clusterClient(target, timeout) : serverClient(target, timeout);
}

function serverClient(target: RedisTarget, timeout: number): RedisClient {
  const redis = new Redis({
    ...target.nodes[0],
    ...commonOptions(target, timeout),
    scripts: SCRIPTS,
    lazyConnect: true,
    enableOfflineQueue: false,
    retryStrategy: (times) => Math.min(25 * 2 ** times, 1_000) * (0.75 + Math.random() / 2),
    // Behind a name that follows the primary, a new connection finds the new one.
    reconnectOnError: ({ message }) => message.includes('READONLY'),
  });
  const connect = reporting(redis, 'error', () => redis.connect());
  return {
    commands: redis as unknown as RedisCommands,
    connect,
    isReady: () => redis.status === 'ready',
    nodeOf: () => target.shown,
    servers: () => [{ address: target.shown, server: redis as RedisServer }],
    subscribe: (channel, heard) => subscribe(redis, channel, heard),
    disconnect: () => redis.disconnect(),
  };
}

function clusterClient(target: RedisTarget, timeout: number): RedisClient {
  const cluster = new Cluster([...target.nodes], {
    redisOptions: commonOptions(target, timeout),
    scripts: SCRIPTS,
    lazyConnect: true,
    // A node is connected to when it is first needed, and what goes to it waits for that.
    enableOfflineQueue: true,
    retryDelayOnFailover: 0,
    // A certificate is for a name; ioredis would replace that by its address.
    ...(target.tls && { dnsLookup: (name, answer) => answer(null, name) }),
    slotsRefreshTimeout: timeout,
    slotsRefreshInterval: 30_000,
    clusterRetryStrategy: (times) => Math.min(50 * 2 ** times, 1_000),
  });
  cluster.on('error', () => {});
  const connect = reporting(cluster, 'node error', () => cluster.connect());
  return {
    commands: cluster as unknown as RedisCommands,
    connect,
    isReady: () => cluster.status === 'ready',
    nodeOf: (bucket) => cluster.slots[slotOf(bucket)]?.join() ?? '',
    servers: () =>
      cluster.nodes('master').map((node) => ({
        address: `${node.options.host}:${node.options.port}`,
        server: node as RedisServer,
      })),
    subscribe: (channel, heard) => subscribe(cluster, channel, heard),
    disconnect: () => cluster.disconnect(),
  };
}

async function subscribe(redis: Redis | Cluster, channel: string, heard: (message: Buffer) => void): Promise<void> {
  redis.on('messageBuffer', (from: Buffer, message: Buffer) => {
    if (from.toString() === channel) heard(message);
  });
  await redis.subscribe(channel);
}

interface Emitter {
  on(event: string, listener: (error: unknown) => void): unknown;
}

/** The promise of ioredis only says that the connection was closed; the reason is an event. */
function reporting(emitter: Emitter, event: string, connect: () => Promise<void>): () => Promise<void> {
  let reason: unknown;
  emitter.on(event, (error) => {
    reason = error;
  });
  return async () => {
    try {
      await connect();
    } catch (error) {
      throw new Error(messageOf(reason ?? error));
    }
    // A database that does not exist is such an event only; ioredis would go on with database 0.
    if (event === 'error' && reason !== undefined) throw new Error(messageOf(reason));
  };
}
