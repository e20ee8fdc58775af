import { readdirSync, readFileSync } from 'node:fs';

/** Something that is measured: what one call of it takes, in nanoseconds, found in about `ms` milliseconds. */
export interface Contender {
  readonly name: string;
  measure(ms: number): number | Promise<number>;
}

export interface Measured {
  /** Median over the rounds, nanoseconds a call. */
  readonly ns: number;
  /** One a round. */
  readonly rounds: readonly number[];
}

/**
 * The same, but measured by the CPU that a process takes for a call, kernel and all threads included: what else the machine
 * does hardly matters then. Keeps the times by the clock.
 */
export function byCpu(
  { name, measure }: Contender,
  pid: number,
  cpu: (pid: number) => number = cpuOf,
): Contender & { readonly wall: number[] } {
  const wall: number[] = [];
  return {
    name,
    wall,
    async measure(ms) {
      const [started, before] = [performance.now(), cpu(pid)];
      const ns = await measure(ms);
      const calls = ((performance.now() - started) * 1e6) / ns;
      wall.push(ns);
      return ((cpu(pid) - before) * 1e6) / calls;
    },
  };
}

/** Milliseconds of CPU that a process has taken. */
export function cpuOf(pid: number): number {
  return statOf(pid).cpu;
}

/** The same of a process and all that it has started, which still run. */
export function cpuOfAll(pid: number): number {
  const stats = readdirSync('/proc').flatMap((name) => (/^\d+$/.test(name) ? tryStat(Number(name)) : []));
  const sum = (own: number): number =>
    stats.reduce((cpu, { pid, parent }) => (parent === own ? cpu + sum(pid) : cpu), cpuOf(own));
  return sum(pid);
}

interface Stat {
  readonly pid: number;
  readonly parent: number;
  /** Milliseconds. */
  readonly cpu: number;
}

function statOf(pid: number): Stat {
  // The name in parentheses may have spaces.
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
  return { pid, parent: Number(fields[1]), cpu: (Number(fields[11]) + Number(fields[12])) * 10 };
}

/** Processes may end meanwhile. */
function tryStat(pid: number): Stat[] {
  try {
    return [statOf(pid)];
  } catch {
    return [];
  }
}

/** A call that is over when it returns. */
export function calls(name: string, call: () => void): Contender {
  return { name, measure: (ms) => median(slices(call, ms)) };
}

/** A call that is over when its promise resolves. */
export function asyncCalls(name: string, call: () => Promise<unknown>): Contender {
  let inner = 1;
  return {
    name,
    async measure(ms) {
      const samples: number[] = [];
      const end = performance.now() + ms;
      do {
        const start = performance.now();
        for (let k = 0; k < inner; k++) await call();
        const took = performance.now() - start;
        if (took < SLICE_MS / 2) inner *= 2;
        else samples.push((took * 1e6) / inner);
      } while (performance.now() < end || samples.length === 0);
      return median(samples);
    },
  };
}

/**
 * Measures all contenders by turns, so that what else the machine does meets them alike: `rounds` times each, after one
 * round that warms up and does not count. The order turns from round to round.
 */
export async function interleave(
  contenders: readonly Contender[],
  { rounds = 9, ms = 40 }: { readonly rounds?: number; readonly ms?: number } = {},
): Promise<Measured[]> {
  const samples: number[][] = contenders.map(() => []);
  for (let round = -1; round < rounds; round++) {
    for (let turn = 0; turn < contenders.length; turn++) {
      const at = (turn + Math.max(round, 0)) % contenders.length;
      const ns = await contenders[at].measure(ms);
      if (round >= 0) samples[at].push(ns);
    }
  }
  return samples.map((of) => ({ ns: median(of), rounds: of }));
}

/** How many times as long b took as a: the median of the rounds' ratios. */
export function ratio(a: Measured, b: Measured): number {
  return median(a.rounds.map((ns, round) => b.rounds[round] / ns));
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** Long enough for the clock, short enough that an interruption spoils few. */
const SLICE_MS = 0.4;

function slices(call: () => void, ms: number): number[] {
  const samples: number[] = [];
  const end = performance.now() + ms;
  let inner = 1;
  do {
    const start = performance.now();
    for (let k = 0; k < inner; k++) call();
    const took = performance.now() - start;
    if (took < SLICE_MS / 2) inner *= 2;
    else samples.push((took * 1e6) / inner);
  } while (performance.now() < end || samples.length === 0);
  return samples;
}
