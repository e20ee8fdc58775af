import { setTimeout as delay } from 'node:timers/promises';
import { type Attack, ZEROS, zeroCell } from '../attack.ts';
import { head } from '../target.ts';

/** Zeros as a tensor of a request, short to send and short to read. */
function zeros(...shape: number[]) {
  const bytes = shape.reduce((size, extent) => size * extent, 4);
  return { shape, dtype: 'float32', base64: Buffer.alloc(bytes).toString('base64') };
}

/** Short requests for much work. */
export const WORK: readonly Attack[] = [
  {
    name: 'sparsemax over a variable of 3 M',
    run: async (target) => {
      await target.make(
        '/v1/variables',
        { id: 'a-v', initializer: 'zeros', shape: [3 * 2 ** 20] },
        { accept: 'application/x-safetensors' },
      );
      await target.flood(4, () =>
        target.post('/v1/ops/sparsemax', { inputs: [{ variable: 'a-v' }], tensor_format: 'base64' }),
      );
    },
  },
  {
    name: 'matmuls of 3.9e9, five at once',
    run: async (target) => {
      await target.make(
        '/v1/variables',
        { id: 'a-m', initializer: 'ones', shape: [1573, 1573] },
        { accept: 'application/x-safetensors' },
      );
      const inputs = [{ variable: 'a-m' }, { variable: 'a-m' }];
      await target.flood(5, () => target.post('/v1/ops/matmul', { inputs }, { accept: 'application/x-safetensors' }));
    },
  },
  {
    name: 'element-wise operations on 3 M elements',
    run: async (target) => {
      await target.make(
        '/v1/variables',
        { id: 'a-v', initializer: 'ones', shape: [3 * 2 ** 20] },
        { accept: 'application/x-safetensors' },
      );
      const ops = ['tanh', 'gelu', 'softmax', 'log_softmax'];
      await target.flood(4, (client) =>
        target.post(
          `/v1/ops/${ops[client]}`,
          { inputs: [{ variable: 'a-v' }] },
          { accept: 'application/x-safetensors' },
        ),
      );
    },
  },
  {
    name: 'orthogonal stacks of 8 x 2048, while another client makes a cell',
    run: async (target) => {
      const config = { units: 1024, kernel_initializer: 'orthogonal', recurrent_initializer: 'orthogonal' };
      const cells = Array.from({ length: 8 }, () => ({ class_name: 'SimpleRNNCell', config }));
      const stack = { class_name: 'StackedRNNCells', config: { cells }, input_shape: [null, 1024] };
      const draws = target.flood(4, () => target.post('/v1/cells', stack));
      await delay(500);
      const { milliseconds } = await target
        .neighbour()
        .post('/v1/cells', zeroCell('a-other', 'LSTMCell', 8, 8, { recurrent_initializer: 'orthogonal' }));
      await draws;
      if (milliseconds > 2_000) return `another cell took ${Math.round(milliseconds)} ms`;
    },
  },
  {
    name: 'draws whose client has hung up',
    run: async (target) => {
      const config = { units: 2048, ...ZEROS, recurrent_initializer: 'orthogonal' };
      const body = Buffer.from(JSON.stringify({ class_name: 'SimpleRNNCell', config, input_shape: [null, 8] }));
      const sent = Buffer.concat([
        head('POST', '/v1/cells', { 'content-type': 'application/json', 'content-length': body.length }),
        body,
      ]);
      for (let k = 0; k < 30; k++) {
        const socket = target.open(sent);
        await delay(50);
        socket.destroy();
      }
      const own = { units: 512, ...ZEROS, recurrent_initializer: 'orthogonal' };
      const { status, milliseconds } = await target.neighbour().post('/v1/cells', {
        id: 'a-own',
        class_name: 'SimpleRNNCell',
        config: own,
        input_shape: [null, 8],
      });
      if (status !== 201 || milliseconds > 5_000)
        return `a draw of another client: ${status} after ${Math.round(milliseconds)} ms`;
    },
  },
  {
    name: 'sequences of 4e9 multiply-adds, gradients, training',
    run: async (target) => {
      await target.make('/v1/cells', zeroCell('a-cell', 'LSTMCell', 512, 512));
      const sequence = { inputs: zeros(1, 1800, 512), return_sequences: false };
      const short = zeros(1, 200, 512);
      const training = { inputs: short, targets: zeros(1, 512), loss: 'mse', optimizer: 'sgd', repeat: 4 };
      const calls = [
        () => target.post('/v1/cells/a-cell/sequences', sequence),
        () =>
          target.post('/v1/cells/a-cell/gradients', {
            inputs: short,
            cotangent: zeros(1, 512),
            return_sequences: false,
          }),
        () => target.post('/v1/cells/a-cell/training_steps', training),
      ];
      await target.flood(6, (client) => calls[client % 3]());
    },
  },
];
