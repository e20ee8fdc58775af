import { replicaHistories } from './histories.ts';
import { killCycles } from './kill-cycles.ts';
import { simulateSeeds } from './simulation/simulate.ts';

export interface SuiteOptions {
  readonly seed: number;
  readonly size: number;
  readonly progress: (line: string) => void;
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

export const SUITES: Readonly<Record<string, Suite>> = {
  'kill-lmdb': {
    unit: 'kills of a process with its store in LMDB',
    whole: 1_000,
    bounded: 100,
    run: ({ size, ...options }) => killCycles('lmdb', { cycles: size, ...options }),
  },
  'kill-lmdb-workers': {
    unit: 'kills of two processes with one store in LMDB, and of their primary',
    whole: 1_000,
    bounded: 100,
    run: ({ size, ...options }) => killCycles('lmdb-workers', { cycles: size, ...options }),
  },
  'kill-redis': {
    unit: 'kills of three replicas and their Redis',
    whole: 1_000,
    bounded: 100,
    run: ({ size, ...options }) => killCycles('redis', { cycles: size, ...options }),
  },
  histories: {
    unit: 'calls on three replicas over Redis',
    whole: 100_000,
    bounded: 5_000,
    run: ({ size, ...options }) => replicaHistories({ calls: size, ...options }),
  },
  simulate: {
    unit: 'seeds of a simulated service',
    whole: 10_000,
    bounded: 1_000,
    run: simulateSeeds,
  },
};
