/** [batch][time][feature]. */
export type Cube = readonly (readonly (readonly number[])[])[];

export interface Examples {
  readonly inputs: Cube;
  readonly targets: Cube;
}

export type LossName = 'mean_squared_error' | 'binary_crossentropy' | 'categorical_crossentropy';

/** Something to learn: examples without end, and when an answer counts as right. */
export interface Task {
  readonly name: TaskName;
  readonly features: number;
  readonly outputs: number;
  /** Of the layer that the answer is read from. */
  readonly activation: 'linear' | 'sigmoid' | 'softmax';
  readonly loss: LossName;
  readonly examples: (random: () => number, rows: number) => Examples;
  readonly right: (output: readonly number[], target: readonly number[]) => boolean;
}

export const TASK_NAMES = ['echo', 'parity', 'brackets', 'sine', 'addition', 'characters'] as const;
export type TaskName = (typeof TASK_NAMES)[number];

const STEPS = 16;
const near = ([output]: readonly number[], [target]: readonly number[]) => Math.abs(output - target) < 0.2;
const sameBit = ([output]: readonly number[], [target]: readonly number[]) => output > 0.5 === target > 0.5;
const bit = (random: () => number) => (random() < 0.5 ? 0 : 1);

/** The task of a name; `delay` is after how many steps an echo is wanted. */
export function taskOf(name: TaskName, delay: number): Task {
  return { ...TASKS[name](delay), name };
}

const TASKS: Readonly<Record<TaskName, (delay: number) => Omit<Task, 'name'>>> = {
  echo: (delay) => ({
    features: 1,
    outputs: 1,
    activation: 'linear',
    loss: 'mean_squared_error',
    right: near,
    examples: examplesOf((random) => {
      const heard = steps(() => [short(2 * random() - 1)]);
      return { inputs: heard, targets: heard.map((_, t) => heard[t - delay] ?? [0]) };
    }),
  }),
  parity: () => ({
    features: 1,
    outputs: 1,
    activation: 'sigmoid',
    loss: 'binary_crossentropy',
    right: sameBit,
    examples: examplesOf((random) => {
      const inputs = steps(() => [bit(random)]);
      return { inputs, targets: running(inputs, 0, (parity, [x]) => (parity + x) % 2) };
    }),
  }),
  brackets: () => ({
    features: 2,
    outputs: 1,
    activation: 'linear',
    loss: 'mean_squared_error',
    right: ([output], [target]) => Math.abs(output - target) < 0.125,
    examples: examplesOf((random) => {
      let depth = 0;
      const inputs = steps(() => {
        const opens = depth === 0 || (depth < 6 && random() < 0.5);
        depth += opens ? 1 : -1;
        return opens ? [1, 0] : [0, 1];
      });
      return { inputs, targets: running(inputs, 0, (open, [opens, closes]) => open + (opens - closes) / 4) };
    }),
  }),
  sine: () => ({
    features: 1,
    outputs: 1,
    activation: 'linear',
    loss: 'mean_squared_error',
    right: ([output], [target]) => Math.abs(output - target) < 0.1,
    examples: examplesOf((random) => {
      const [pace, phase] = [0.25 + 0.4 * random(), 2 * Math.PI * random()];
      const at = (t: number) => [short(Math.sin(phase + pace * t))];
      return { inputs: steps(at), targets: steps((t) => at(t + 1)) };
    }),
  }),
  addition: () => ({
    features: 2,
    outputs: 1,
    activation: 'sigmoid',
    loss: 'binary_crossentropy',
    right: sameBit,
    // Bits of two numbers, lowest first: the carry has to be remembered.
    examples: examplesOf((random) => {
      let carry = 0;
      const inputs = steps(() => [bit(random), bit(random)]);
      const targets = inputs.map(([a, b]) => {
        const sum = a + b + carry;
        carry = sum > 1 ? 1 : 0;
        return [sum % 2];
      });
      return { inputs, targets };
    }),
  }),
  characters: () => ({
    features: LETTERS.length,
    outputs: LETTERS.length,
    activation: 'softmax',
    loss: 'categorical_crossentropy',
    right: (output, target) => output.indexOf(Math.max(...output)) === target.indexOf(1),
    examples: examplesOf((random) => {
      const from = Math.floor(random() * TEXT.length);
      const letter = (t: number) => [...LETTERS].map((one) => (one === TEXT[(from + t) % TEXT.length] ? 1 : 0));
      return { inputs: steps(letter), targets: steps((t) => letter(t + 1)) };
    }),
  }),
};

const TEXT = 'to be or not to be that is the question ';
export const LETTERS = [...new Set(TEXT)].toSorted().join('');

function examplesOf(row: (random: () => number) => { inputs: number[][]; targets: number[][] }): Task['examples'] {
  return (random, rows) => {
    const made = Array.from({ length: rows }, () => row(random));
    return { inputs: made.map(({ inputs }) => inputs), targets: made.map(({ targets }) => targets) };
  };
}

function steps(at: (t: number) => number[]): number[][] {
  return Array.from({ length: STEPS }, (_, t) => at(t));
}

function running(inputs: readonly number[][], first: number, next: (value: number, x: number[]) => number): number[][] {
  let value = first;
  return inputs.map((x) => {
    value = next(value, x);
    return [value];
  });
}

/** Few digits are enough, and keep the requests short. */
function short(value: number): number {
  return Math.round(value * 1000) / 1000;
}

/** The share of the steps whose answer is right. */
export function shareRight(task: Task, outputs: Cube, targets: Cube): number {
  const all = outputs.flatMap((row, n) => row.map((output, t) => task.right(output, targets[n][t])));
  return all.filter(Boolean).length / Math.max(1, all.length);
}
