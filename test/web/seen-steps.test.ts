import { expect, it } from 'vitest';
import { momentAt, stepsOfRow } from '../../web/src/inspect/seen-steps.ts';
import { equation } from '../../web/src/model/equation.ts';

const steps = [
  { step: 4, states: [[1, 2]] },
  { step: 5, states: [[3, 4]] },
  { step: 9, states: [[5, 6]] },
];

it('knows the states before a step and after it, where both are kept', () => {
  expect(momentAt(steps, 5)).toMatchObject({ former: [[1, 2]], states: [[3, 4]], gates: {} });
  expect(momentAt(steps, 9)).toMatchObject({ former: [[]], states: [[5, 6]] });
  expect(momentAt(steps, 4)).toMatchObject({ former: [[]], states: [[1, 2]] });
  expect(momentAt(steps, 6)).toBeUndefined();
});

it('writes a formula in letters alone where the gates of a step are not known', () => {
  const layer = { kind: 'gru', className: 'GRUCell', prefix: '', units: 2, states: [0], useBias: true } as const;
  const options = { activation: 'tanh', recurrentActivation: 'sigmoid', resetAfter: true };
  const step = { x: [], output: [], former: [[1, 2]], states: [[3, 4]], gates: {} };
  for (const line of equation({ ...layer, ...options }, 0, undefined, step)) expect(line.numbers).toBeUndefined();
});

it('takes one row of a batch, from states of Keras and from the stacked ones of PyTorch and ONNX', () => {
  const kept = (states: never) => [{ step: 1, output: [], states }];
  const of = (state_shapes: readonly (readonly (number | null)[])[], states: unknown) =>
    stepsOfRow(kept(states as never), 1, { state_shapes } as never)[0].states;
  expect(
    of(
      [[null, 2]],
      [
        [
          [1, 2],
          [3, 4],
        ],
      ],
    ),
  ).toEqual([[3, 4]]);
  const stacked = [
    [
      [[1], [2]],
      [[3], [4]],
    ],
    [
      [[5], [6]],
      [[7], [8]],
    ],
  ];
  expect(
    of(
      [
        [2, null, 1],
        [2, null, 1],
      ],
      stacked,
    ),
  ).toEqual([[2], [6], [4], [8]]);
  expect(
    of(
      [
        [null, 2, 1],
        [null, 2, 1],
      ],
      stacked,
    ),
  ).toEqual([[3], [7], [4], [8]]);
});
