/**
 * Trains a GRU of 2 units over HTTP to repeat what it hears: now, and one step later. The service computes outputs and
 * gradients and keeps the weights; the loop is the client's: gradients of the squared error, then `assign_sub` of learning
 * rate · gradient on every variable (SGD).
 *
 * `npm run example:train` starts a service of its own; with CELLSTEP_URL it talks to one that runs already.
 */
import type { ClientOptions } from '../clients/typescript/src/index.ts';
import { withService } from './service.ts';

/** Sends a POST and gives the JSON of its answer; throws for anything but a success. */
export type Ask = (path: string, body: object) => Promise<unknown>;

type Matrix = number[][];
type Cube = Matrix[];

export interface Task {
  /** [batch, time, 1] */
  readonly inputs: Cube;
  /** [batch, time, 2] */
  readonly targets: Cube;
  readonly weights: Readonly<Record<string, Matrix | number[]>>;
  readonly learningRate: number;
  readonly steps: number;
}

const UNITS = 2;
const LAYER = { class_name: 'GRU', config: { units: UNITS, return_sequences: true } };

/**
 * The echo task: 8 sequences of 10 steps, and weights to begin with, all by rule, so that a run can be made again. The first
 * output learns to be the input of the step before, the second the input of the step itself.
 */
export function echoTask(): Task {
  const heard = Array.from({ length: 8 }, (_, row) => Array.from({ length: 10 }, (_, t) => sound(10 * row + t)));
  return {
    inputs: heard.map((steps) => steps.map((now) => [now])),
    targets: heard.map((steps) => steps.map((now, t) => [steps[t - 1] ?? 0, now])),
    weights: {
      kernel: matrix(1, 3 * UNITS, 0),
      recurrent_kernel: matrix(UNITS, 3 * UNITS, 1),
      bias: matrix(2, 3 * UNITS, 2),
    },
    learningRate: 1,
    steps: 100,
  };
}

/**
 * Trains a new cell on the task and gives the loss before each step and after the last: mean (output - target)².
 * `report` is called with each of them.
 */
export async function train(ask: Ask, task: Task, report: (step: number, loss: number) => void): Promise<number[]> {
  const { inputs, targets, weights, learningRate, steps } = task;
  const { id } = (await ask('/v1/cells', { ...LAYER, input_shape: [null, null, 1], weights })) as { id: string };
  const size = targets.flat(2).length;
  const losses: number[] = [];
  for (let step = 0; step <= steps; step++) {
    const { output } = (await ask(`/v1/cells/${id}/sequences`, { inputs })) as { output: Cube };
    const error = zip(output, targets, (y, t) => y - t);
    losses.push(error.flat(2).reduce((sum, e) => sum + e * e, 0) / size);
    report(step, losses[step]);
    if (step === steps) break;
    // The gradient of the loss with respect to the output; the service goes on from it, back through time.
    const cotangent = zip(error, error, (e) => (2 * e) / size);
    const { gradients } = (await ask(`/v1/cells/${id}/gradients`, { inputs, cotangent })) as {
      gradients: Record<string, Matrix | number[]>;
    };
    for (const name of Object.keys(weights)) {
      await ask(`/v1/cells/${id}/variables/${name}/assign_sub`, { value: scale(gradients[name], learningRate) });
    }
  }
  return losses;
}

/** Sixteenths from -1/2 to 1/2 in no visible order. */
function sound(i: number): number {
  return ((((37 * i + 11) * (91 * i + 7)) % 17) - 8) / 16;
}

/** Numbers from -9/16 to 9/16 in no visible order. */
function matrix(rows: number, columns: number, salt: number): Matrix {
  const value = (i: number) => (((37 * i + 11 * salt + 5) % 19) - 9) / 16;
  return Array.from({ length: rows }, (_, r) => Array.from({ length: columns }, (_, c) => value(r * columns + c)));
}

function zip(a: Cube, b: Cube, combine: (x: number, y: number) => number): Cube {
  return a.map((rows, n) => rows.map((row, t) => row.map((x, u) => combine(x, b[n][t][u]))));
}

function scale(values: Matrix | number[], factor: number): unknown {
  return values.map((value) => (typeof value === 'number' ? value * factor : value.map((x) => x * factor)));
}

function askOver({ url, key }: ClientOptions): Ask {
  return async (path, body) => {
    const headers: Record<string, string> = key ? { authorization: `Bearer ${key}` } : {};
    const response = await fetch(new URL(path, url), {
      method: 'POST',
      headers: { ...headers, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    if (!response.ok) throw new Error(`POST ${path} was answered ${response.status}: ${await response.text()}`);
    return response.json();
  };
}

if (import.meta.main) {
  const report = (step: number, loss: number) => {
    if (step % 10 === 0) console.log(`step ${`${step}`.padStart(3)}  loss ${loss.toFixed(6)}`);
  };
  await withService((options) => train(askOver(options), echoTask(), report));
}
