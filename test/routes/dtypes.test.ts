import { describe, expect, it } from 'vitest';
import { BYTES_PER_ELEMENT, type Dtype, rounder } from '../../src/domain/tensor.ts';
import { readSafetensors } from '../../src/files/safetensors/safetensors.ts';
import { startApp } from '../support/app.ts';
import { call, expectProblem, make } from '../support/call.ts';
import { onMemory } from '../support/serve.ts';

/** Each policy of Keras with the dtypes that it stands for. */
const POLICIES: readonly { policy: string; variables: Dtype; compute: Dtype }[] = [
  { policy: 'float64', variables: 'float64', compute: 'float64' },
  { policy: 'float32', variables: 'float32', compute: 'float32' },
  { policy: 'float16', variables: 'float16', compute: 'float16' },
  { policy: 'bfloat16', variables: 'bfloat16', compute: 'bfloat16' },
  { policy: 'mixed_float16', variables: 'float32', compute: 'float16' },
  { policy: 'mixed_bfloat16', variables: 'float32', compute: 'bfloat16' },
];

const third = { class_name: 'Constant', config: { value: 1 / 3 } };

/** h' = x/3 + h/3 + 1/3, each third as the dtype has it. */
function thirds(dtype: string, units = 1) {
  const initializers = { kernel_initializer: third, recurrent_initializer: third, bias_initializer: third };
  const config = { units, activation: null, ...initializers, dtype };
  return { id: 'c', class_name: 'SimpleRNNCell', config, precision: 'exact', input_shape: [null, 1] };
}

onMemory('a cell', (served) => {
  describe.each(POLICIES)('of dtype $policy', ({ policy, variables, compute }) => {
    const [stored, round] = [rounder(variables), rounder(compute)];
    /** 1/3 as the arithmetic sees it: a variable cast to the compute dtype. */
    const weight = round(stored(1 / 3));
    const step = (x: number, h: number) => round(x * weight + weight + h * weight);

    it('has variables, results and states of their dtypes', async () => {
      const { app } = served;
      const made = await make(app, '/v1/cells', thirds(policy));
      expect(made.body.variables.map(({ dtype }: { dtype: Dtype }) => dtype)).toEqual(Array(3).fill(variables));
      expect(made.body.config.dtype.config.name).toBe(policy);
      const { body: kernel } = await call(app, 'GET', '/v1/cells/c/variables/kernel');
      expect(kernel.dtype).toBe(variables);
      expect(stored(kernel.value[0][0])).toBe(stored(1 / 3));

      const body = { inputs: [[0.7]], states: [[[0.2]]], trace: true, tensor_format: 'flat' };
      const { body: reply } = await call(app, 'POST', '/v1/cells/c/steps', body);
      const wanted = step(round(0.7), round(0.2));
      for (const tensor of [reply.output, reply.states[0], reply.trace.h.after]) {
        expect(tensor.dtype).toBe(compute);
        expect(round(tensor.data[0])).toBe(wanted);
      }
      // No digit more than it takes to tell the value from its neighbours.
      const digits = `${reply.output.data[0]}`.replace(/\D/g, '').replace(/^0+/, '').length;
      expect(digits).toBeLessThanOrEqual({ float64: 17, float32: 9, float16: 5, bfloat16: 4 }[compute as 'float64']);
    });

    it('answers in base64 with the bytes of the dtype, which it takes back', async () => {
      const { app } = served;
      await make(app, '/v1/cells', thirds(policy, 3));
      const body = { inputs: [[0.7], [-1]], tensor_format: 'base64' };
      const { body: first } = await call(app, 'POST', '/v1/cells/c/steps', body);
      expect(first.output).toMatchObject({ shape: [2, 3], dtype: compute });
      expect(Buffer.from(first.output.base64, 'base64')).toHaveLength(6 * BYTES_PER_ELEMENT[compute]);

      const decimal = await call(app, 'POST', '/v1/cells/c/steps', { inputs: [[0.7], [-1]] });
      const next = async (states: unknown) =>
        (await call(app, 'POST', '/v1/cells/c/steps', { ...body, states })).body.output.base64;
      // Of a narrow dtype the decimals of a reply are the same bits again.
      expect(await next(first.states)).toBe(await next(decimal.body.states));
    });

    it('keeps the states of a session in the compute dtype', async () => {
      const { app } = served;
      await make(app, '/v1/cells', thirds(policy));
      await make(app, '/v1/sessions', { id: 's', cell: 'c' });
      let h = 0;
      for (const x of [0.7, -0.1, 1e-3]) {
        h = step(round(x), h);
        const { body } = await call(app, 'POST', '/v1/sessions/s/steps', { inputs: [[x]] });
        expect(round(body.output[0][0])).toBe(h);
      }
      const sequence = { inputs: [[[0.7], [-0.1], [1e-3]]], tensor_format: 'flat' };
      const { body: whole } = await call(app, 'POST', '/v1/cells/c/sequences', sequence);
      expect(whole.states[0].dtype).toBe(compute);
      expect(round(whole.states[0].data[0])).toBe(h);
      const { body: session } = await call(app, 'GET', '/v1/sessions/s');
      expect(round(session.states[0][0][0])).toBe(h);
    });

    it('keeps its dtypes in a checkpoint, on to another service', async () => {
      const { app } = served;
      await make(app, '/v1/cells', thirds(policy, 2));
      await make(app, '/v1/sessions', { id: 's', cell: 'c' });
      await call(app, 'POST', '/v1/sessions/s/steps', { inputs: [[0.7]] });
      await make(app, '/v1/checkpoints', { id: 'k', all: true });
      const file = await app.inject({ method: 'GET', url: '/v1/checkpoints/k/content' });
      const { tensors } = readSafetensors(file.rawPayload);
      const found = [...tensors].map(([name, { dtype }]) => [name, dtype]);
      expect(found).toEqual(
        expect.arrayContaining([
          ['cells/c/kernel', variables],
          ['sessions/s/states.0', compute],
        ]),
      );

      const other = await startApp();
      const type = { 'content-type': 'application/x-safetensors' };
      await call(other, 'POST', '/v1/checkpoints?id=k', file.rawPayload, type);
      await call(other, 'POST', '/v1/checkpoints/k/restore', { create_missing: true });
      const next = { inputs: [[-0.1]], tensor_format: 'base64' };
      const [here, there] = [
        await call(app, 'POST', '/v1/sessions/s/steps', next),
        await call(other, 'POST', '/v1/sessions/s/steps', next),
      ];
      expect(there.body.output).toEqual(here.body.output);
      await other.close();
    });

    it('gives gradients of the dtypes of what they are for', async () => {
      const { app } = served;
      await make(app, '/v1/cells', thirds(policy));
      const body = { inputs: [[[0.7], [0.1]]], cotangent: [[[0], [1]]], tensor_format: 'flat' };
      const { body: reply } = await call(app, 'POST', '/v1/cells/c/gradients', body);
      expect(reply.gradients.inputs.dtype).toBe(compute);
      expect(reply.gradients.kernel.dtype).toBe(variables);
      // d h2 / d x1 = weight², d h2 / d x2 = weight.
      expect(reply.gradients.inputs.data.map(round)).toEqual([round(weight * weight), weight]);
    });
  });

  it.each([
    ['float16', 65520, 65519],
    ['mixed_float16', -65520, -65519],
    ['bfloat16', 3.4e38, 3.39e38],
  ])('of dtype %s does not take %d, which would be infinite, but %d', async (dtype, over, under) => {
    const { app } = served;
    await make(app, '/v1/cells', thirds(dtype));
    const refused = await call(app, 'POST', '/v1/cells/c/steps', { inputs: [[over]] });
    const infinity = over > 0 ? 'Infinity' : '-Infinity';
    const detail = new RegExp(`${dtype.replace('mixed_', '')}.*"${infinity}"`);
    expect(expectProblem(refused, 'value-out-of-range', detail).errors?.[0].pointer).toBe('/inputs/0/0');
    const state = await call(app, 'POST', '/v1/cells/c/steps', { inputs: [[0]], states: [[[over]]] });
    expect(expectProblem(state, 'value-out-of-range').errors?.[0].pointer).toBe('/states/0/0/0');
    expect((await call(app, 'POST', '/v1/cells/c/steps', { inputs: [[under]] })).status).toBe(200);
    const infinite = await call(app, 'POST', '/v1/cells/c/steps', { inputs: [[infinity]] });
    expect(infinite.body.output).toEqual([[infinity]]);
  });

  it('takes weights by the range of its variables, which a mixed policy keeps in float32', async () => {
    const { app } = served;
    const weights = { kernel: [[65520]], recurrent_kernel: [[1]], bias: [0] };
    const narrow = await call(app, 'POST', '/v1/cells', { ...thirds('float16'), id: 'n', weights });
    expect(expectProblem(narrow, 'value-out-of-range', /float16/).errors?.[0].pointer).toBe('/weights/kernel/0/0');
    await make(app, '/v1/cells', { ...thirds('mixed_float16'), weights });
    const { body } = await call(app, 'GET', '/v1/cells/c/weights');
    expect(body.weights.kernel).toEqual([[65520]]);
    // Cast to float16 at its use, it is infinite, as in Keras.
    expect((await call(app, 'POST', '/v1/cells/c/steps', { inputs: [[1]] })).body.output).toEqual([['Infinity']]);
  });

  it('overflows to infinity where a result is beyond the range: that is a value, not an error', async () => {
    const { app } = served;
    const weights = { kernel: [[60000]], recurrent_kernel: [[1]], bias: [0] };
    await make(app, '/v1/cells', { ...thirds('float16'), weights });
    const { body } = await call(app, 'POST', '/v1/cells/c/steps', { inputs: [[2]] });
    expect(body.output).toEqual([['Infinity']]);
  });

  it('says which dtypes it takes where it is asked for another', async () => {
    const refused = await call(served.app, 'POST', '/v1/cells', thirds('int8'));
    expectProblem(refused, 'invalid-config', /int8.*float16, bfloat16, float32, float64, mixed_float16/);
  });
});
