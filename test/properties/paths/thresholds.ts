import { readdirSync, readFileSync } from 'node:fs';
import { type CellProgram, sequenceCells } from '../../../src/domain/program.ts';
import { arithmeticOf, cellArithmetic } from '../../../src/engine/simd/kernel-arithmetic.ts';
import { stepsAhead } from '../../../src/engine/simd/kernel-run.ts';
import { ROWS, SLICE } from '../../../src/engine/simd/pack-panels.ts';
import { LINE, layoutOf } from '../../../src/engine/simd/packed-cell.ts';
import { FEW } from '../../../src/engine/simd/rows.ts';
import { FOUR, Scratch } from '../../../src/engine/simd/scratch.ts';
import { newSharedMemory, SharedMemory } from '../../../src/engine/simd/shared-memory.ts';
import { FEW_WEIGHTS } from '../../../src/engine/simd/simd.ts';
import { SLICE_NANOSECONDS } from '../../../src/engine/sliced.ts';
import { BATCH_NANOSECONDS, LOOP_NANOSECONDS } from '../../../src/engine/stepper.ts';
import { sequenceNanoseconds, stepNanoseconds } from '../../../src/engine/work.ts';
import type { PathCase } from './programs.ts';

const engine = new URL('../../../src/engine/', import.meta.url);
const kernels = new URL('simd/kernels/', engine);

/** A constant of the kernels, from their text: TypeScript cannot import AssemblyScript. */
function kernelConstant(file: string, name: string): string {
  const text = readFileSync(new URL(`${file}.ts`, kernels), 'utf8');
  const found = new RegExp(`const ${name}: usize = (.*);`).exec(text);
  if (!found) throw new Error(`There is no constant ${name} in src/engine/simd/kernels/${file}.ts.`);
  return found[1];
}

/** Terms of a partial sum, and rows of a panel that all rows of x take before the next ones. */
const CHUNK = Number(kernelConstant('panels', 'CHUNK'));
const BLOCK = Number(kernelConstant('product', 'BLOCK').split('*')[0]) * CHUNK;

const scratch = new Scratch(new SharedMemory(newSharedMemory()));

interface Sides {
  /** The constant of src/engine that it is made from. */
  readonly constant: string;
  /** Undefined where a case has nothing to do with it. */
  above(of: PathCase, cell: CellProgram): boolean | undefined;
}

const inner = (cell: CellProgram) => Math.max(cell.features, cell.recurrentKernel.length / columnsOf(cell));
const columnsOf = ({ kernel, features, recurrentKernel, units }: CellProgram) =>
  features > 0 ? kernel.length / features : recurrentKernel.length / units;

/** Its layout in memory where kernels compute it with `fast`. */
function packed(cell: CellProgram) {
  const arithmetic = arithmeticOf(cellArithmetic(cell), 'fast');
  return arithmetic === 'reference' ? undefined : layoutOf(cell, arithmetic);
}

const ofKernels = (
  above: (layout: ReturnType<typeof layoutOf>, of: PathCase, cell: CellProgram) => boolean | undefined,
) => ({
  above: (of: PathCase, cell: CellProgram) => {
    const layout = packed(cell);
    return layout && above(layout, of, cell);
  },
});

/** Rows or steps, or none. */
const SOMETHING = 'something to do';

/** Where the code goes another way, in what a case has to be for either. Of a program's cells the first one is looked at. */
const THRESHOLDS: Readonly<Record<string, Sides>> = {
  [SOMETHING]: { constant: '', above: ({ request: { batch, time } }) => batch > 0 && time > 0 },
  'all steps ahead at once': {
    constant: 'AHEAD',
    ...ofKernels((layout, { request: { batch, time } }) =>
      time < 2 ? undefined : stepsAhead(layout, batch, time) < time,
    ),
  },
  'more than one step ahead': {
    constant: 'AHEAD',
    ...ofKernels((layout, { request: { batch, time } }) =>
      time < 2 ? undefined : stepsAhead(layout, batch, time) > 1,
    ),
  },
  'all rows in one block': {
    constant: 'BUDGET',
    ...ofKernels((layout, { request: { batch, time } }) =>
      batch < 2 ? undefined : scratch.layOut(layout, batch, stepsAhead(layout, batch, time)).rows < batch,
    ),
  },
  'rows by fours': { constant: 'FOUR', above: ({ request: { batch } }) => batch >= FOUR },
  'rows left over of fours': {
    constant: 'FOUR',
    above: ({ request: { batch } }) => (batch <= FOUR ? undefined : batch % FOUR > 0),
  },
  'a row alone': { constant: 'FOUR', above: ({ request: { batch } }) => batch > 1 },
  'numbers copied one by one': { constant: 'FEW', above: (_, { units }) => units >= FEW },
  'rows packed at once': { constant: 'ROWS', above: (_, cell) => inner(cell) > ROWS },
  'a matrix in one slice': {
    constant: 'SLICE',
    above: (_, cell) => Math.max(cell.kernel.length, cell.recurrentKernel.length) > SLICE,
  },
  'columns that fill lines': { constant: 'LINE', above: (_, { units }) => (units * 4) % LINE > 0 },
  'one panel': { constant: 'LINE', above: (_, cell) => columnsOf(cell) * 4 > LINE },
  'one partial sum': { constant: 'CHUNK', above: (_, cell) => inner(cell) > CHUNK },
  'one block of a panel': { constant: 'BLOCK', above: (_, cell) => inner(cell) > BLOCK },
  'weights packed at once': {
    constant: 'FEW_WEIGHTS',
    above: (_, cell) => cell.kernel.length + cell.recurrentKernel.length >= FEW_WEIGHTS,
  },
  'work on the event loop': {
    constant: 'LOOP_NANOSECONDS',
    above: ({ program, request: { batch, time } }) =>
      sequenceNanoseconds(program, 'exact') * batch * time > LOOP_NANOSECONDS,
  },
  'steps in one slice': {
    constant: 'SLICE_NANOSECONDS',
    above: ({ program, request: { batch, time } }) =>
      sequenceNanoseconds(program, 'exact') * batch * time > SLICE_NANOSECONDS,
  },
  'as many rows together as may be': {
    constant: 'BATCH_NANOSECONDS',
    above: ({ program }, cell) =>
      program.kind === 'run' ? stepNanoseconds(cell, 'exact') * 256 > BATCH_NANOSECONDS : undefined,
  },
};

/** Constants of src/engine in capitals that are no thresholds of this kind, and why. */
const NO_THRESHOLDS: Readonly<Record<string, string>> = {
  SCRIPT: 'what threads run',
  IDLE_MILLISECONDS: 'when a thread ends: test/engine/threads/pool.test.ts',
  WAITING_SECONDS: 'what the pool refuses: test/engine/threads/pool.test.ts',
  MAX_TRIES: 'what becomes of a thread that dies: test/engine/threads/pool.test.ts',
  KEPT_BYTES: 'what a thread forgets: test/engine/threads/pool.test.ts',
  MOST_REFERRED_BYTES: 'when a thread collects its heap: test/engine/threads/pool.test.ts',
  AT_ONCE: 'initializers: test/engine/threads/draw.test.ts',
  QR_COST: 'initializers: test/engine/threads/draw.test.ts',
  MOST_SECONDS: 'what the pool refuses: test/engine/threads/pool.test.ts',
  LONG_SECONDS: 'which thread takes what: test/engine/threads/pool.test.ts',
  PAGE: 'of WebAssembly',
  DEVIATION: 'which normalization',
  NORM: 'which normalization',
  FEWEST_PAGES: 'how memory grows: test/engine/simd/weight-pool.test.ts',
  MOST_GROWN: 'how memory grows: test/engine/simd/weight-pool.test.ts',
  MEGABYTE: 'how scratch grows',
  SPEC_BYTES: 'layout of a header',
  TURN_MILLISECONDS: 'when training lets others have a turn',
};

/** Files whose constants are places in a table or a header of the kernels, or estimates of work. */
const TABLES: readonly string[] = ['activate.ts', 'activations32.ts', 'activations64.ts', 'cells.ts', 'work.ts'];

/** The sizes among the constants of src/engine that are no thresholds that cases cross. */
export function uncrossed(): string[] {
  const sizes = [
    [engine, /^(?:export )?const ([A-Z][A-Z_0-9]*) = [\d(][^;']*;/gm],
    [kernels, /^(?:export )?const ([A-Z][A-Z_0-9]*): (?:usize|i32|u32) = /gm],
  ] as const;
  const found = sizes.flatMap(([directory, pattern]) =>
    readdirSync(directory)
      .filter((name) => name.endsWith('.ts') && !TABLES.includes(name))
      .flatMap((name) => [...readFileSync(new URL(name, directory), 'utf8').matchAll(pattern)].map(([, one]) => one)),
  );
  const crossed = Object.values(THRESHOLDS).map(({ constant }) => constant);
  return [...new Set(found)].filter((name) => !crossed.includes(name) && !Object.hasOwn(NO_THRESHOLDS, name));
}

export interface Target {
  readonly name: string;
  readonly above: boolean;
  readonly masked: boolean;
}

/** Both sides of each threshold, with and without a mask. */
export const TARGETS: readonly Target[] = Object.keys(THRESHOLDS).flatMap((name) =>
  [false, true].flatMap((above) => [false, true].map((masked) => ({ name, above, masked }))),
);

/** The targets that a case meets. */
export function met(of: PathCase): Target[] {
  const [cell] = sequenceCells(of.program);
  const masked = of.request.mask !== undefined;
  const { batch, time } = of.request;
  return Object.entries(THRESHOLDS).flatMap(([name, sides]) => {
    // Where nothing is computed, no way is taken.
    const above = name === SOMETHING || (batch > 0 && time > 0) ? sides.above(of, cell) : undefined;
    return above === undefined ? [] : [{ name, above, masked }];
  });
}
