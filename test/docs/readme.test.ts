import { describe, expect, it } from 'vitest';
import { pageOf, rowsOf } from './blocks.ts';

const README = pageOf('README.md');
const section = (title: string) => new RegExp(`^## ${title}\n(.*?)^## `, 'ms').exec(README)![1];

describe('the table beside other servers', () => {
  const sources = new Map(rowsOf(pageOf('docs/comparison.md')).map(([name, ...cells]) => [name, cells]));
  const rows = rowsOf(section('Beside other servers'));

  it.each(rows.map((row) => [row[0], row.slice(2)] as const))('has a source for each cell: %s', (name, others) => {
    const cells = sources.get(name) ?? [];
    expect(cells).toHaveLength(others.length);
    others.forEach((said, i) => {
      if (!['', '–'].includes(said)) expect(cells[i], `${name}: ${said}`).toContain('](https://');
    });
  });
});

/** Where each number of a row comes from, in order: suite, row and column of bench/RESULTS.md. */
type Origin = readonly [suite: string, row: string, column: 'cellstep' | 'peer'];
const beside = (suite: string, ours: string, ...rows: readonly string[]): readonly Origin[] => [
  [suite, ours, 'cellstep'],
  ...rows.map((row) => [suite, row, 'peer'] as const),
];
const compute = (units: number) =>
  beside(
    'compute',
    `lstm(${units}) against onnxruntime-node`,
    `lstm(${units}) against onnxruntime-node`,
    `lstm(${units}) against PyTorch`,
  );
const ORIGINS: Readonly<Record<string, readonly Origin[]>> = {
  'One step of an LSTM(64), in the engine': compute(64),
  'One step of an LSTM(256)': compute(256),
  'One step of an LSTM(1024)': compute(1024),
  '32 rows of an LSTM(256) at once': beside(
    'compute-many',
    'lstm(256) batch 32 against PyTorch',
    'lstm(256) batch 32 against onnxruntime-node',
    'lstm(256) batch 32 against PyTorch',
  ),
  'Session steps over HTTP, one process, in memory, 32 connections': beside(
    'http',
    'session, JSON, 64, against FastAPI',
    'session, JSON, 64, against FastAPI',
    'session, JSON, 64, against FastAPI tuned',
  ),
  'The same, each on the disk before its reply, 64 connections': beside('stores', 'durable, 64 connections'),
  'An idle session, of a million': [
    ['stored', 'on the disk', 'cellstep'],
    ['stored', 'in the memory of the process', 'cellstep'],
  ],
};

const UNITS: Readonly<Record<string, number>> = { µs: 1e-6, ms: 1e-3, k: 1000, KB: 1000 };

function numbersIn(text: string): number[] {
  return [...text.matchAll(/(?<![\w(])(\d[\d,]*(?:\.\d+)?) ?(µs|ms|KB|k(?=\/s))?/g)].map(
    ([, digits, unit]) => Number(digits.replaceAll(',', '')) * (UNITS[unit] ?? 1),
  );
}

function measured([suite, row, column]: Origin): number {
  const part = pageOf('bench/RESULTS.md')
    .split(/^## /m)
    .find((text) => text.startsWith(`${suite}\n`))!;
  const found = rowsOf(part).find(([name]) => name === row)!;
  return numbersIn(found[column === 'cellstep' ? 1 : 2])[0];
}

describe('the measured numbers', () => {
  const rows = rowsOf(section('Measured'));

  it('are all known here', () => {
    expect(rows.map(([name]) => name)).toEqual(Object.keys(ORIGINS));
  });

  it.each(rows)('are those of bench/RESULTS.md, rounded: %s', (name, ours, others) => {
    const said = numbersIn(`${ours} ${others}`);
    const origins = ORIGINS[name];
    expect(said).toHaveLength(origins.length);
    // Two digits are rounded to.
    said.forEach((number, i) => {
      expect(Math.abs(number / measured(origins[i]) - 1), `${name}: ${number}`).toBeLessThan(0.015);
    });
  });
});
