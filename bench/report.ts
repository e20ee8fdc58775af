/** One measured figure beside its peer's. Ratios above 1 say that cellstep is ahead. */
export interface Figure {
  readonly name: string;
  /** With its unit, as people read it. */
  readonly cellstep: string;
  readonly peer: string;
  readonly ratio?: number;
  /** The least ratio that is asked for; left out where the figure is only reported. */
  readonly goal?: number;
}

export interface Suite {
  /** One paragraph: what is measured, and how. */
  readonly about: string;
  /**
   * Measures, and tells each figure as soon as it has it. Returns what it was measured against, with versions.
   * @throws {MissingPeer} where bench/setup has not been run.
   */
  run(tell: (figure: Figure) => void): Promise<readonly string[]>;
}

export const HEADINGS = ['name', 'cellstep', 'peer', 'ratio', 'goal', 'ok'] as const;

export function cells({ name, cellstep, peer, ratio, goal }: Figure): string[] {
  const times = ratio === undefined ? '' : `${ratio >= 10 ? ratio.toFixed(1) : ratio.toFixed(2)}×`;
  return [name, cellstep, peer, times, goal === undefined ? '' : `≥ ${goal}×`, verdict(ratio, goal)];
}

function verdict(ratio: number | undefined, goal: number | undefined): string {
  if (goal === undefined || ratio === undefined) return '';
  return ratio >= goal ? 'ok' : 'MISSED';
}

/** Nanoseconds as people read them, in three digits: `3.21 µs`. */
export function duration(ns: number): string {
  if (ns < 1e3) return `${digits(ns)} ns`;
  if (ns < 1e6) return `${digits(ns / 1e3)} µs`;
  return ns < 1e9 ? `${digits(ns / 1e6)} ms` : `${digits(ns / 1e9)} s`;
}

/** A number in three digits. */
function digits(value: number): string {
  return value >= 100 ? Math.round(value).toString() : value.toPrecision(3);
}

/** Nanoseconds for one as how many there are in a second: `12300 steps/s`. */
export function perSecond(ns: number, what: string): string {
  return `${Number((1e9 / ns).toPrecision(3))} ${what}/s`;
}
