/**
 * Finds what is unusual in a stream. A small network learns to say the next value of a machine's vibration from what it heard
 * so far, from a recording in which nothing was wrong. Then a session reads the live values one by one. Where a value is much
 * further from what the network expected than values were before, there is an alarm. The session keeps what was heard, so the
 * watcher can stop and go on, on another machine too.
 *
 * `npm run example:anomaly` starts a service of its own; with CELLSTEP_URL it talks to one that runs already.
 */
import { type Cell, Cellstep, type ClientOptions } from '../clients/typescript/src/index.ts';
import { withService } from './service.ts';

/** Steps of the recording, in rows that are learned from together. */
const ROWS = 16;
const ROW_STEPS = 50;
const TRAINING_STEPS = 400;
/** An error is unusual beyond so many times what errors were before. */
const FAR = 6;
/** How much the newest error counts in what is usual. */
const NEWEST = 0.02;
/** An alarm is over after so many values that are as expected. */
const CALM = 15;
/** Values after the start in which the network has not heard enough to expect anything. */
const WARM_UP = 30;

/** A fault of the machine: from a step on, for some steps, the vibration is another one. */
export interface Fault {
  readonly name: string;
  readonly from: number;
  readonly steps: number;
  readonly change: (value: number, step: number) => number;
}

export const FAULTS: readonly Fault[] = [
  { name: 'a blow', from: 200, steps: 1, change: (value) => value + 1.5 },
  { name: 'a stuck sensor', from: 320, steps: 15, change: () => 0.8 },
  { name: 'a higher frequency', from: 450, steps: 40, change: (_, step) => 0.7 * Math.sin(1.9 * step) },
];

/** The vibration at a step when all is well: two waves, and noise that is the same in every run. */
export function vibration(step: number): number {
  const noise = ((Math.sin(12.9898 * (step + 1)) * 43758.5453) % 1) * 0.03;
  return 0.6 * Math.sin(step / 4) + 0.3 * Math.sin(step / 1.7) + noise;
}

/** The vibration with its faults. */
export function faulty(step: number): number {
  const fault = FAULTS.find(({ from, steps }) => step >= from && step < from + steps);
  return fault ? fault.change(vibration(step), step) : vibration(step);
}

/** A network that has learned to say the next value. `report` is told the loss of each step of the training. */
export async function learnVibration(cellstep: Cellstep, report: (loss: number) => void): Promise<Cell> {
  const seeded = (class_name: string, seed: number) => ({ class_name, config: { seed } });
  const kernel_initializer = seeded('GlorotUniform', 1);
  const recurrent_initializer = seeded('Orthogonal', 2);
  const layers = [
    { class_name: 'GRU', config: { units: 16, return_sequences: true, kernel_initializer, recurrent_initializer } },
    { class_name: 'Dense', config: { units: 1, kernel_initializer } },
  ];
  const cell = await cellstep.cells.create({
    class_name: 'Sequential',
    config: { layers },
    input_shape: [null, null, 1],
  });
  // The recording is of a time long before the live stream.
  const heard = (row: number, step: number) => [vibration(10_000 + ROW_STEPS * row + step)];
  const rows = (shift: number) =>
    Array.from({ length: ROWS }, (_, row) => Array.from({ length: ROW_STEPS }, (_, step) => heard(row, step + shift)));
  const training = cell.train({
    inputs: rows(0),
    targets: rows(1),
    loss: 'mean_squared_error',
    optimizer: { class_name: 'Adam', config: { learning_rate: 0.01 } },
    repeat: TRAINING_STEPS,
  });
  for await (const { loss } of training) report(loss);
  return cell;
}

export interface Alarm {
  readonly step: number;
  readonly value: number;
  readonly expected: number;
}

/** Reads values one after another, and yields the first of those that are not as the network expected. */
export async function* watch(cell: Cell, values: Iterable<number>): AsyncGenerator<Alarm> {
  const session = await cell.openSession();
  try {
    let expected = Number.NaN;
    let usual = 0;
    let alarmed = Number.NEGATIVE_INFINITY;
    let step = 0;
    for (const value of values) {
      const error = Math.abs(value - expected);
      if (step > WARM_UP && error > FAR * usual) {
        if (step > alarmed + CALM) yield { step, value, expected };
        alarmed = step;
        // What is unusual must not become usual.
      } else if (step > 0) usual += (error - usual) * Math.max(NEWEST, 1 / step);
      expected = Number((await session.step([[value]])).output.item());
      step++;
    }
  } finally {
    await session.close();
  }
}

/** Learns, watches 600 values, and prints each alarm. */
async function run(options: ClientOptions): Promise<void> {
  const cellstep = new Cellstep(options);
  let steps = 0;
  const cell = await learnVibration(cellstep, (loss) => {
    if (steps++ % 50 === 0) console.log(`training step ${`${steps}`.padStart(3)}  loss ${loss.toFixed(5)}`);
  });
  for await (const { step, value, expected } of watch(
    cell,
    Array.from({ length: 600 }, (_, step) => faulty(step)),
  )) {
    const fault = FAULTS.find(({ from, steps }) => step >= from && step < from + steps);
    const because = fault ? `: ${fault.name}` : '';
    console.log(`step ${step}: ALARM, ${value.toFixed(2)} in place of ${expected.toFixed(2)}${because}`);
  }
  await cell.delete();
}

if (import.meta.main) await withService(run);
