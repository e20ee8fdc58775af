import { describe, expect, it } from 'vitest';
import { BYTES_PER_ELEMENT, type Dtype } from '../../src/domain/tensor.ts';
import { readSafetensors } from '../../src/files/safetensors/safetensors.ts';
import type { TestApp } from '../support/app.ts';
import { call, make } from '../support/call.ts';
import { onMemory } from '../support/serve.ts';

const DTYPES = ['float64', 'float32', 'float16', 'bfloat16'] as const satisfies readonly Dtype[];
const TIME = 5;
const BATCH = 2;

const uniform = (seed: number) => ({ class_name: 'RandomUniform', config: { minval: -0.9, maxval: 0.9, seed } });

const cell = (class_name: string, units: number, dtype: string) => ({
  module: 'keras.layers',
  class_name,
  config: { units, dtype, kernel_initializer: uniform(1), recurrent_initializer: uniform(2) },
});

/** Layers around cells of another dtype, with the dtypes that their states have. */
function layers(outer: Dtype, inner: Dtype) {
  const stack = {
    class_name: 'StackedRNNCells',
    config: { cells: [cell('LSTMCell', 3, inner), cell('GRUCell', 2, outer)] },
  };
  const states = [inner, inner, outer];
  return [
    { class_name: 'RNN', config: { dtype: outer, cell: cell('GRUCell', 3, inner) }, states: [inner], output: outer },
    {
      class_name: 'RNN',
      config: { dtype: outer, cell: cell('LSTMCell', 3, inner) },
      states: [inner, inner],
      output: outer,
    },
    { class_name: 'RNN', config: { dtype: inner, cell: { module: 'keras.layers', ...stack } }, states, output: inner },
    { ...stack, states, output: outer },
  ];
}

const CASES = DTYPES.flatMap((outer) =>
  DTYPES.filter((inner) => inner !== outer).flatMap((inner) =>
    layers(outer, inner).map((layer) => ({ ...layer, outer, inner })),
  ),
);

const inputs = Array.from({ length: BATCH }, (_, row) =>
  Array.from({ length: TIME }, (_, t) => [Math.sin(row + 2 * t), Math.cos(3 * row - t)]),
);
const at = <T>(rows: readonly (readonly T[])[], t: number) => rows.map((row) => row[t]);

/** Step by step, the states in the hands of the client. */
async function carried(app: TestApp) {
  const outputs: number[][][] = [];
  let states: unknown;
  for (let t = 0; t < TIME; t++) {
    const { body } = await call(app, 'POST', '/v1/cells/c/steps', {
      inputs: at(inputs, t),
      ...(states ? { states } : {}),
    });
    outputs.push(body.output);
    states = body.states;
  }
  return { outputs, states };
}

/** In a session, as many steps at once as `counts` says. */
async function kept(app: TestApp, id: string, counts: readonly number[], mask?: readonly (readonly number[])[]) {
  await make(app, '/v1/sessions', { id, cell: 'c', batch_size: BATCH });
  const outputs: number[][][] = [];
  let from = 0;
  for (const count of counts) {
    const slice = <T>(rows: readonly (readonly T[])[]) => rows.map((row) => row.slice(from, from + count));
    const body = { inputs: slice(inputs), ...(mask ? { mask: slice(mask) } : {}) };
    const reply = await call(app, 'POST', `/v1/sessions/${id}/steps`, body);
    expect(reply.status, reply.text).toBe(200);
    for (let t = 0; t < count; t++) outputs.push(at(reply.body.output, t));
    from += count;
  }
  const { body } = await call(app, 'GET', `/v1/sessions/${id}`);
  return { outputs, states: body.states };
}

onMemory('a layer of one dtype around a cell of another', (served) => {
  describe.each(['fast', 'exact'] as const)('%s', (precision) => {
    it.each(CASES)('has the same numbers by every path: $class_name, $outer around $inner', async (layer) => {
      const { app } = served;
      const { class_name, config } = layer;
      await make(app, '/v1/cells', { id: 'c', class_name, config, input_shape: [null, 2], precision });
      const whole = { inputs, return_sequences: true };
      const { body: sequence } = await call(app, 'POST', '/v1/cells/c/sequences', whole);
      const wanted = {
        outputs: Array.from({ length: TIME }, (_, t) => at<number[]>(sequence.output, t)),
        states: sequence.states,
      };
      expect(await carried(app)).toEqual(wanted);
      expect(await kept(app, 'steps', [1, 1, 1, 1, 1])).toEqual(wanted);
      expect(await kept(app, 'chunks', [2, 3])).toEqual(wanted);

      const mask = [
        [1, 0, 1, 1, 0],
        [0, 1, 1, 0, 1],
      ];
      const { body: masked } = await call(app, 'POST', '/v1/cells/c/sequences', { ...whole, mask });
      const held = {
        outputs: Array.from({ length: TIME }, (_, t) => at<number[]>(masked.output, t)),
        states: masked.states,
      };
      expect(await kept(app, 'masked-steps', [1, 1, 1, 1, 1], mask)).toEqual(held);
      expect(await kept(app, 'masked-chunks', [3, 2], mask)).toEqual(held);
    });
  });

  it.each(CASES)(
    'labels them by their dtypes, whose bytes they have: $class_name, $outer around $inner',
    async (layer) => {
      const { app } = served;
      const { class_name, config, states, output } = layer;
      await make(app, '/v1/cells', { id: 'c', class_name, config, input_shape: [null, 2] });
      await make(app, '/v1/sessions', { id: 's', cell: 'c', batch_size: BATCH, history: 3 });
      const step = { inputs: at(inputs, 0) };
      const calls = [
        ['/v1/cells/c/steps', { ...step, trace: true }],
        ['/v1/cells/c/sequences', { inputs, trace: true }],
        ['/v1/sessions/s/steps', { ...step, return_states: true }],
      ] as const;
      for (const [url, body] of calls) {
        const { body: reply } = await call(app, 'POST', url, { ...body, tensor_format: 'base64' });
        expect(reply.output.dtype, url).toBe(output);
        expect(reply.states.map(({ dtype }: { dtype: Dtype }) => dtype)).toEqual(states);
        const gates = Object.values(reply.trace ?? {}) as { before: Encoded; after: Encoded }[];
        const tensors = [reply.output, ...reply.states, ...gates.flatMap(({ before, after }) => [before, after])];
        for (const { dtype, shape, base64 } of tensors as Encoded[]) {
          const size = shape.reduce((product, extent) => product * extent, BYTES_PER_ELEMENT[dtype]);
          expect(Buffer.from(base64, 'base64').length, url).toBe(size);
        }
        const { body: again } = await call(app, 'POST', '/v1/cells/c/steps', { ...step, states: reply.states });
        expect(again.states).toBeDefined();
      }
      const file = await app.inject({
        method: 'POST',
        url: '/v1/cells/c/steps',
        payload: step,
        headers: { accept: 'application/x-safetensors' },
      });
      const { tensors } = readSafetensors(file.rawPayload);
      expect(tensors.get('states.0')?.dtype).toBe(states[0]);
      expect(tensors.get('output')?.dtype).toBe(output);
    },
  );
});

interface Encoded {
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  readonly base64: string;
}
