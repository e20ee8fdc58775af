import { setTimeout as delay } from 'node:timers/promises';
import { type Attack, zeroCell } from '../attack.ts';
import { head } from '../target.ts';

/** Replies that are larger than their requests, and clients that don't take them. */
export const REPLIES: readonly Attack[] = [
  {
    name: '60 pipelined GETs of a variable of 64 MB',
    run: async (target) => {
      await target.make(
        '/v1/variables',
        { id: 'a-v', initializer: 'zeros', shape: [2 ** 24], tensor_format: 'base64' },
        { accept: 'application/x-safetensors' },
      );
      const one = head('GET', '/v1/variables/a-v', { accept: 'application/x-safetensors' });
      await target.silent(1, Buffer.concat(Array(60).fill(one)));
    },
  },
  {
    name: '25 clients that never read 64 MB each',
    run: async (target) => {
      await target.make(
        '/v1/variables',
        { id: 'a-v', initializer: 'zeros', shape: [2 ** 24] },
        { accept: 'application/x-safetensors' },
      );
      await target.silent(25, head('GET', '/v1/variables/a-v', { accept: 'application/x-safetensors' }));
    },
  },
  {
    name: '200 clients that never read lists and documents',
    run: (target) => target.silent(200, Buffer.concat(Array(60).fill(head('GET', '/openapi.json')))),
  },
  {
    name: 'a client that steps at once and reads no answer: lines and sockets',
    run: async (target) => {
      await target.make('/v1/cells', zeroCell('a-cell', 'SimpleRNNCell', 2048, 1));
      await target.make('/v1/sessions', { id: 'a-s', cell: 'a-cell' });
      const line = `${JSON.stringify({ session: 'a-s', inputs: [[1]], return_states: true })}\n`;
      const chunk = Buffer.from(`${(line.length * 500).toString(16)}\r\n${line.repeat(500)}\r\n`);
      const lines = head('POST', '/v1/steps', { 'content-type': 'application/jsonl', 'transfer-encoding': 'chunked' });
      await target.silent(20, Buffer.concat([lines, ...Array(10).fill(chunk)]));
    },
  },
  {
    name: 'large replies as JSON: float64, float16, int64, bool, nested brackets',
    run: async (target) => {
      const kinds = [
        ['float64', [2 ** 18]],
        ['float16', [2 ** 19]],
        ['int64', [2 ** 18]],
        ['bool', [2 ** 19]],
        ['float32', [2 ** 15, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1]],
        ['float32', [2 ** 19]],
      ] as const;
      const initializer = { class_name: 'RandomNormal', config: { seed: 3 } };
      for (const [k, [dtype, shape]] of kinds.entries()) {
        const value =
          dtype === 'int64' || dtype === 'bool'
            ? { randint: { low: 0, high: 2, size: shape } }
            : { initializer, shape };
        await target.post('/v1/variables', { id: `a-${k}`, dtype, ...value }, { accept: 'application/x-safetensors' });
      }
      await target.flood(6, (client) => target.send('GET', `/v1/variables/a-${client}`));
      await target.flood(1, () => target.send('GET', '/v1/variables?values=true'));
    },
  },
  {
    name: 'lists of a thousand, of all kinds',
    run: async (target) => {
      await target.make('/v1/cells', zeroCell('a-cell', 'LSTMCell', 16, 16));
      for (let k = 0; k < 300; k++) await target.post('/v1/sessions', { id: `a-s${k}`, cell: 'a-cell' });
      for (let k = 0; k < 200; k++) await target.post('/v1/cells', zeroCell(`a-c${k}`, 'LSTMCell', 4, 4));
      const kinds = [
        'sessions?limit=1000&values=true',
        'cells?limit=1000',
        'variables?limit=1000&values=true',
        'checkpoints?limit=1000',
      ];
      await target.flood(8, (client) => target.send('GET', `/v1/${kinds[client % 4]}`));
    },
  },
  {
    name: 'requests to infer whose outputs have 48 MB, as JSON and as bytes',
    run: async (target) => {
      await target.make('/v1/cells', zeroCell('a-cell', 'LSTMCell', 64, 1));
      const rows = 2 ** 16;
      const inputs = [{ name: 'inputs', datatype: 'FP32', shape: [rows, 1], data: Array(rows).fill(1) }];
      const bodies = [false, true].map((binary) =>
        Buffer.from(JSON.stringify({ inputs, parameters: { binary_data_output: binary } })),
      );
      await target.flood(4, (client) => target.post('/v2/models/a-cell/infer', bodies[client % 2]));
    },
  },
  {
    name: 'hanging up on each large reply',
    run: async (target) => {
      await target.make(
        '/v1/variables',
        { id: 'a-v', initializer: 'zeros', shape: [2 ** 23] },
        { accept: 'application/x-safetensors' },
      );
      const read = head('GET', '/v1/variables/a-v', { accept: 'application/x-safetensors' });
      await target.flood(8, async () => {
        const socket = target.open(read);
        await delay(30);
        socket.destroy();
      });
    },
  },
];
