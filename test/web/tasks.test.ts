import { describe, expect, it } from 'vitest';
import { LETTERS, shareRight, TASK_NAMES, taskOf } from '../../web/src/learn/tasks.ts';
import { randomNumbers } from '../../web/src/numbers/numbers.ts';

describe.each(TASK_NAMES)('the task %s', (name) => {
  const task = taskOf(name, 3);
  const { inputs, targets } = task.examples(randomNumbers(5), 20);

  it('has examples of its own sizes, the same ones for the same seed', () => {
    expect(inputs).toHaveLength(20);
    for (const row of inputs) for (const x of row) expect(x).toHaveLength(task.features);
    for (const row of targets) for (const y of row) expect(y).toHaveLength(task.outputs);
    expect(task.examples(randomNumbers(5), 20)).toEqual({ inputs, targets });
    expect(task.examples(randomNumbers(6), 20)).not.toEqual({ inputs, targets });
  });

  it('calls the targets right, and wrong answers wrong', () => {
    expect(shareRight(task, targets, targets)).toBe(1);
    const wrong = targets.map((row) =>
      row.map((y) => (task.outputs > 1 ? [...y.slice(1), y[0]] : y.map((value) => 1.5 - 2 * value))),
    );
    expect(shareRight(task, wrong, targets)).toBeLessThan(0.5);
  });
});

it('wants the echo of what was heard so many steps before', () => {
  const { inputs, targets } = taskOf('echo', 3).examples(randomNumbers(1), 1);
  expect(targets[0].slice(0, 3)).toEqual([[0], [0], [0]]);
  expect(targets[0].slice(3)).toEqual(inputs[0].slice(0, -3));
});

it('wants the parity of all bits so far', () => {
  const { inputs, targets } = taskOf('parity', 1).examples(randomNumbers(1), 4);
  inputs.forEach((row, n) => {
    let ones = 0;
    row.forEach(([x], t) => {
      ones += x;
      expect(targets[n][t]).toEqual([ones % 2]);
    });
  });
});

it('wants the bits of a sum, with their carry', () => {
  const { inputs, targets } = taskOf('addition', 1).examples(randomNumbers(2), 10);
  const number = (bits: readonly number[]) => bits.reduce((sum, bit, i) => sum + bit * 2 ** i, 0);
  inputs.forEach((row, n) => {
    const sum = number(row.map(([a]) => a)) + number(row.map(([, b]) => b));
    expect(number(targets[n].map(([bit]) => bit))).toBe(sum % 2 ** row.length);
  });
});

it('never closes a bracket that is not open', () => {
  const { inputs, targets } = taskOf('brackets', 1).examples(randomNumbers(3), 20);
  inputs.forEach((row, n) => {
    let open = 0;
    row.forEach(([opens, closes], t) => {
      open += opens - closes;
      expect(open).toBeGreaterThanOrEqual(0);
      expect(targets[n][t]).toEqual([open / 4]);
    });
  });
});

it('wants the letter that comes next', () => {
  const { inputs, targets } = taskOf('characters', 1).examples(randomNumbers(4), 5);
  const text = (rows: readonly (readonly number[])[]) => rows.map((row) => LETTERS[row.indexOf(1)]).join('');
  inputs.forEach((row, n) => {
    expect(text(targets[n]).slice(0, -1)).toBe(text(row).slice(1));
  });
});
