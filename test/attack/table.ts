const MIB = 2 ** 20;
const HEADINGS = [
  'attack',
  'seconds',
  'MiB',
  'healthz p99',
  'longest',
  'steps p50',
  'steps p99',
  'held',
  'slow',
  'answers',
  '',
];
const WIDTHS = [72, 8, 6, 12, 10, 10, 10, 8, 5, 44, 6];

export interface Row {
  readonly name: string;
  readonly seconds: number;
  readonly memory: number;
  /** For which the event loop was held at most. */
  readonly held: number;
  readonly health: { readonly p99: number; readonly longest: number };
  readonly step: { readonly p50: number; readonly p99: number };
  /** How many times slower than it can be the machine was. */
  readonly slow: number;
  readonly answers: ReadonlyMap<number, number>;
  readonly verdict: string;
}

export function headings(): string {
  return line(HEADINGS);
}

export function rowText({ name, seconds, memory, held, health, step, slow, answers, verdict }: Row): string {
  const counted = [...answers].sort(([a], [b]) => a - b).map(([status, count]) => `${status || 'none'}x${count}`);
  const times = [ms(health.p99), ms(health.longest), ms(step.p50), ms(step.p99), ms(held)];
  return line([name, seconds.toFixed(1), inMib(memory), ...times, slow.toFixed(1), counted.join(' '), verdict]);
}

export function ms(milliseconds: number): string {
  return `${milliseconds < 10 ? milliseconds.toFixed(1) : Math.round(milliseconds)} ms`;
}

export function inMib(bytes: number): string {
  return `${Math.round(bytes / MIB)}`;
}

function line(row: readonly string[]): string {
  return row.map((cell, k) => cell.padEnd(WIDTHS[k])).join(' ');
}
