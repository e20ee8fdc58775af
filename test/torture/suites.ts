import { ATTACKS } from '../attack/attacks/all.ts';
import { runAttacks } from '../attack/siege.ts';
import { mutate } from '../mutations/mutate.ts';
import { MUTATIONS } from '../mutations/mutations.ts';
import { connections } from './connections.ts';
import { contract } from './contract/contract.ts';
import { failover } from './failover.ts';
import { fuzzAll } from './fuzz.ts';
import { replicaHistories } from './histories.ts';
import { mutations } from './hostile/mutations.ts';
import { rawMessages } from './hostile/raw-messages.ts';
import { killCycles } from './kill-cycles.ts';
import { rollingRestart } from './rolling-restart.ts';
import type { RunOptions } from './run-options.ts';
import { sameKey } from './same-key.ts';
import { simulateSeeds } from './simulation/simulate.ts';
import { TOPOLOGIES } from './topologies.ts';

interface SuiteOptions extends RunOptions {
  readonly bounded?: boolean;
}

interface Suite {
  /** What the size counts. */
  readonly unit: string;
  /** The size of a whole run, and of CI's. */
  readonly whole: number;
  readonly bounded: number;
  /** @throws {Error} with every fault that it has found. */
  readonly run: (options: SuiteOptions) => Promise<object>;
}

/** Two clients of each, which step the same sessions. */
const ALL_DOORS = ['socket', 'socket', 'lines', 'lines', 'bulk', 'bulk'] as const;

export const SUITES: Readonly<Record<string, Suite>> = {
  attack: {
    unit: 'seconds of each attack of one client, on a service held to 1 GiB',
    whole: 30,
    bounded: 2,
    async run({ size }) {
      const broken = await runAttacks(ATTACKS, { seconds: size, timesCount: true });
      if (broken > 0) throw new Error(`${broken} attacks broke a bound`);
      return { attacks: ATTACKS.length };
    },
  },
  'kill-lmdb': {
    unit: 'kills of a process with its store in LMDB',
    whole: 1_000,
    bounded: 60,
    run: (options) => killCycles('lmdb', options),
  },
  'kill-lmdb-workers': {
    unit: 'kills of two processes with one store in LMDB, and of their primary',
    whole: 1_000,
    bounded: 60,
    run: (options) => killCycles('lmdb-workers', options),
  },
  'kill-redis': {
    unit: 'kills of three replicas and their Redis',
    whole: 1_000,
    bounded: 60,
    run: (options) => killCycles('redis', options),
  },
  'kill-streams': {
    unit: 'kills of a process under sockets, lines and bulk calls that are cut at random bytes',
    whole: 500,
    bounded: 15,
    run: (options) => killCycles('lmdb', { ...options, clients: 1, doors: ALL_DOORS }),
  },
  'kill-streams-redis': {
    unit: 'kills of three replicas and their Redis under sockets, lines and bulk calls that are cut at random bytes',
    whole: 500,
    bounded: 10,
    run: (options) => killCycles('redis', { ...options, clients: 1, doors: ALL_DOORS }),
  },
  histories: {
    unit: 'calls on three replicas over Redis',
    whole: 100_000,
    bounded: 5_000,
    run: replicaHistories,
  },
  simulate: {
    unit: 'seeds of a simulated service',
    whole: 10_000,
    bounded: 1_000,
    run: simulateSeeds,
  },
  'same-key': {
    unit: 'rounds of a hundred requests at once with one key on three replicas',
    whole: 100,
    bounded: 5,
    async run({ seed, size }) {
      const { urls, stop } = await TOPOLOGIES.redis.start();
      return sameKey({ seed, size, urls }).finally(stop);
    },
  },
  'rolling-restart': {
    unit: 'restarts of replicas under load, 10 s apart',
    whole: 30,
    bounded: 6,
    // CI does not wait that long.
    run: (options) => rollingRestart({ ...options, seconds: options.bounded ? 2 : 10 }),
  },
  connections: {
    unit: 'seconds of a thousand clients that keep their connections and step slowly',
    whole: 600,
    bounded: 60,
    run: connections,
  },
  contract: {
    unit: 'calls by the OpenAPI document and against it, by schemathesis',
    whole: 20_000,
    bounded: 1_000,
    run: contract,
  },
  mutations: {
    unit: 'damaged copies of each weight file',
    whole: 1_000,
    bounded: 20,
    run: mutations,
  },
  'raw-messages': {
    unit: 'damaged messages of HTTP',
    whole: 10_000,
    bounded: 2_000,
    run: rawMessages,
  },
  mutate: {
    unit: 'faults put into the code, each to be caught by a test',
    whole: MUTATIONS.length,
    bounded: 5,
    async run({ size, progress = () => undefined }) {
      const done = await mutate(MUTATIONS.slice(0, size), progress);
      const survivors = done
        .filter(({ caught }) => !caught)
        .map(({ mutation }) => `${mutation.file}: ${mutation.text}`);
      if (survivors.length > 0) throw new Error(`Not caught: ${survivors.join('; ')}`);
      return { caught: done.length };
    },
  },
  fuzz: {
    unit: 'drawn cases of each kind, compared with the real libraries',
    whole: 10_000,
    bounded: 100,
    run: fuzzAll,
  },
  failover: {
    unit: 'primaries of a Redis Cluster killed under load, commits waiting for a replica',
    whole: 20,
    bounded: 1,
    run: (options) => failover({ ...options, wait: 1 }),
  },
  'failover-without-wait': {
    unit: 'primaries of a Redis Cluster killed under load, commits waiting for no replica',
    whole: 20,
    bounded: 1,
    run: (options) => failover({ ...options, wait: 0 }),
  },
};
