/** A language model over the letters of a text: Embedding, GRU, Dense. It is trained and steps over HTTP. */
import { type Cell, type Cellstep, Tensor } from '../../clients/typescript/src/index.ts';
import { randomFrom } from '../service.ts';
import { type Sampling, sampler } from './sampling.ts';

/** How it is trained. A batch is `rows` windows of the text, at places that `seed` draws. */
export interface TextTask {
  readonly text: string;
  readonly updates: number;
  readonly rows: number;
  /** Letters of a window; the target of each is the next letter. */
  readonly window: number;
  readonly learningRate: number;
  readonly seed: number;
}

export const TEXT_TASK = { updates: 400, rows: 16, window: 48, learningRate: 0.01, seed: 1 } as const;

const WIDTH = 32;
const UNITS = 128;

export interface LanguageModel {
  readonly cell: Cell;
  /** The letters of the text in order; a letter's place is its token id. */
  readonly letters: readonly string[];
}

/** Makes a model for the letters of the text and trains it; `report` gets the loss before each update. */
export async function learn(
  client: Cellstep,
  task: TextTask,
  report: (update: number, loss: number) => void,
): Promise<LanguageModel> {
  const { text, updates, rows, window, learningRate, seed } = task;
  const letters = [...new Set(text)].sort();
  const ids = Int32Array.from(text, (letter) => letters.indexOf(letter));
  const random = randomFrom(seed);
  const cell = await client.cells.create(newModel(letters.length, random));
  const optimizer = { class_name: 'Adam', config: { learning_rate: learningRate, global_clipnorm: 1 } };
  const loss = { class_name: 'SparseCategoricalCrossentropy', config: { from_logits: true } };
  for (let update = 0; update < updates; update++) {
    const starts = Array.from({ length: rows }, () => Math.floor(random() * (ids.length - window)));
    const windows = (shift: number) => {
      const values = starts.flatMap((start) => [...ids.subarray(start + shift, start + shift + window)]);
      return new Tensor(Int32Array.from(values), [rows, window]);
    };
    const training = cell.train({ inputs: windows(0), targets: windows(1), loss, optimizer });
    for await (const made of training) report(update, made.loss);
  }
  return { cell, letters };
}

/** Writes `count` letters after `prompt`, by a session that steps one letter at a time. */
export async function* write(
  { cell, letters }: LanguageModel,
  prompt: string,
  count: number,
  sampling: Sampling,
): AsyncGenerator<string, void> {
  const choose = sampler(sampling);
  const session = await cell.openSession();
  try {
    let next = [...prompt].map((letter) => idOf(letters, letter));
    for (let k = 0; k < count; k++) {
      const { output } = await session.step(new Tensor(Int32Array.from(next), [1, next.length]));
      const id = choose(Array.from(output.data, Number).slice(-letters.length));
      yield letters[id];
      next = [id];
    }
  } finally {
    await session.close();
  }
}

/** @throws {RangeError} for a letter that the text lacks */
function idOf(letters: readonly string[], letter: string): number {
  const id = letters.indexOf(letter);
  if (id < 0) throw new RangeError(`The text has no '${letter}'. It has: ${letters.join('')}`);
  return id;
}

/** Weights by rule, so that Keras can begin with the same: even numbers from -1/√inputs to 1/√inputs, biases of zeros. */
function newModel(letters: number, random: () => number) {
  const matrix = (rows: number, columns: number, inputs = rows) => {
    const values = Float32Array.from({ length: rows * columns }, () => (2 * random() - 1) / Math.sqrt(inputs));
    return new Tensor(values, [rows, columns]);
  };
  const layers = [
    { class_name: 'InputLayer', config: { batch_shape: [null, null] } },
    { class_name: 'Embedding', config: { name: 'embedding', input_dim: letters, output_dim: WIDTH } },
    { class_name: 'GRU', config: { name: 'gru', units: UNITS, return_sequences: true } },
    { class_name: 'Dense', config: { name: 'dense', units: letters } },
  ];
  const weights = {
    'embedding.embeddings': matrix(letters, WIDTH, WIDTH),
    'gru.kernel': matrix(WIDTH, 3 * UNITS),
    'gru.recurrent_kernel': matrix(UNITS, 3 * UNITS),
    'gru.bias': new Tensor(new Float32Array(6 * UNITS), [2, 3 * UNITS]),
    'dense.kernel': matrix(UNITS, letters),
    'dense.bias': new Float32Array(letters),
  };
  return { class_name: 'Sequential', config: { layers }, weights };
}
