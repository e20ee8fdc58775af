import { setImmediate as nextTurn } from 'node:timers/promises';
import type { CommitOutcome } from '../../domain/ports.ts';
import type { RedisClient, RedisCommands } from './client.ts';
import { ReplicaError } from './errors.ts';
import { COMMIT_SCRIPT, outcomeOf, type ScriptCall } from './script.ts';

/** How often a commit that waits for replicas follows a bucket that has moved to another node. */
const MAX_MOVES = 3;

export interface ReplicaWait {
  readonly replicas: number;
  readonly milliseconds: number;
}

/** Runs a commit; resolves once as many replicas have it as are asked for. */
export type Committer = (call: ScriptCall) => Promise<CommitOutcome>;

export function createCommitter(client: RedisClient, wait: ReplicaWait): Committer {
  if (wait.replicas > 0) return createReplicated(client, wait);
  return async ({ keys, args }) => outcomeOf(await client.commands.cellstepCommit(keys.length, ...keys, ...args));
}

interface Waiting {
  readonly call: ScriptCall;
  readonly moves: number;
  readonly resolve: (outcome: CommitOutcome) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * While a node waits for its replicas, its next commits gather here, and go together: WAIT speaks of all writes of its
 * connection before it, and one that comes behind another in a connection is answered only at the server's next tick,
 * a tenth of a second later. A commit and its WAIT are written at once, so that they can't go over two connections.
 */
function createReplicated(client: RedisClient, wait: ReplicaWait): Committer {
  const nodes = new Map<string, Waiting[]>();

  function enqueue(entry: Waiting): void {
    const node = client.nodeOf(entry.call.bucket);
    const queue = nodes.get(node);
    if (queue !== undefined) {
      queue.push(entry);
      return;
    }
    nodes.set(node, [entry]);
    void run(node);
  }

  async function run(node: string): Promise<void> {
    const queue = nodes.get(node) ?? [];
    // The commits of this turn go together.
    await nextTurn();
    while (queue.length > 0) await commitGroup(queue.splice(0));
    nodes.delete(node);
  }

  async function commitGroup(group: readonly Waiting[]): Promise<void> {
    try {
      const results = await sendGroup(client.commands, group, wait);
      const reached = results.at(-1)?.[1];
      await Promise.all(group.map((entry, n) => settle(entry, results[n], Number(reached ?? 0))));
    } catch (error) {
      for (const { reject } of group) reject(error);
    }
  }

  async function settle(entry: Waiting, [error, reply]: PipelineResult, reached: number): Promise<void> {
    if (error?.message.startsWith('MOVED') && entry.moves < MAX_MOVES) {
      // A single command follows the bucket to its new node, and the client learns the node.
      await client.commands.exists(entry.call.keys[0]);
      enqueue({ ...entry, moves: entry.moves + 1 });
      return;
    }
    if (error) return entry.reject(error);
    const outcome = outcomeOf(reply);
    if (outcome === 'conflict' || reached >= wait.replicas) return entry.resolve(outcome);
    const confirmed = `${reached} of ${wait.replicas} replicas confirmed the change within ${wait.milliseconds} ms`;
    entry.reject(new ReplicaError(confirmed));
  }

  return (call) => {
    const { promise, resolve, reject } = Promise.withResolvers<CommitOutcome>();
    enqueue({ call, moves: 0, resolve, reject });
    return promise;
  };
}

type PipelineResult = readonly [Error | null, unknown];

/**
 * The replies of the commits, then the reply of WAIT. It does not use EVALSHA: if the server has lost the script, ioredis
 * would send it again after the WAIT, which would then not cover it.
 */
async function sendGroup(
  commands: RedisCommands,
  group: readonly Waiting[],
  { replicas, milliseconds }: ReplicaWait,
): Promise<readonly PipelineResult[]> {
  const pipeline = commands.pipeline();
  for (const { call } of group) pipeline.eval(COMMIT_SCRIPT, call.keys.length, ...call.keys, ...call.args);
  const results = await pipeline.wait(replicas, milliseconds).exec();
  if (results === null) throw new Error('the pipeline was not run');
  return results;
}
