import { describe, expect, it } from 'vitest';
import { call, make } from '../support/call.ts';
import { onMemory } from '../support/serve.ts';

const gru = (units: number, go_backwards: boolean) => ({
  module: 'keras.layers',
  class_name: 'GRU',
  config: { units, go_backwards, return_sequences: true },
});
const unmerged = (merge_mode: string | null) => ({
  class_name: 'Bidirectional',
  config: { merge_mode, layer: gru(3, false), backward_layer: gru(5, true) },
  input_shape: [null, 2],
});
const onnx = (class_name: string, direction: string, layout = 0) => ({
  framework: 'onnx',
  class_name,
  config: { hidden_size: 3, direction, layout },
  input_shape: [null, null, 2],
});

/** Cells, the shape of a batch of none, and the shapes of what comes of it. */
const CASES = [
  ['ONNX, bidirectional', onnx('GRU', 'bidirectional'), [0, 1, 2], [[0, 2, 1, 3]], [[2, 1, 3]]],
  [
    'ONNX, bidirectional, no rows',
    onnx('LSTM', 'bidirectional'),
    [4, 0, 2],
    [[4, 2, 0, 3]],
    [
      [2, 0, 3],
      [2, 0, 3],
    ],
  ],
  ['ONNX, bidirectional, batch first', onnx('RNN', 'bidirectional', 1), [0, 4, 2], [[0, 4, 2, 3]], [[0, 2, 3]]],
  ['ONNX, forward', onnx('RNN', 'forward'), [2, 0, 2], [[2, 1, 0, 3]], [[1, 0, 3]]],
  [
    'two outputs of unequal widths',
    unmerged(null),
    [0, 4, 2],
    [
      [0, 4, 3],
      [0, 4, 5],
    ],
    [
      [0, 3],
      [0, 5],
    ],
  ],
  [
    'two outputs of no steps',
    unmerged(null),
    [2, 0, 2],
    [
      [2, 0, 3],
      [2, 0, 5],
    ],
    [
      [2, 3],
      [2, 5],
    ],
  ],
  [
    'both directions in one output',
    unmerged('concat'),
    [0, 4, 2],
    [[0, 4, 8]],
    [
      [0, 3],
      [0, 5],
    ],
  ],
] as const;

onMemory('an empty batch', (served) => {
  describe.each(CASES)('%s', (_, cell, shape, outputs, states) => {
    it('has outputs and states of the shapes of any other', async () => {
      const { app } = served;
      await make(app, '/v1/cells', { id: 'c', ...cell });
      const inputs = { shape, data: [] };
      const body = { inputs, tensor_format: 'flat' };
      const reply = await call(app, 'POST', '/v1/cells/c/sequences', body);
      expect(reply.status, reply.text).toBe(200);
      const shapes = (tensors: readonly { readonly shape: number[] }[]) => tensors.map((tensor) => tensor.shape);
      expect(shapes([reply.body.output].flat())).toEqual(outputs);
      expect(shapes(reply.body.states)).toEqual(states);
    });
  });
});
