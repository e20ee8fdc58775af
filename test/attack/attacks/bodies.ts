import { setTimeout as delay } from 'node:timers/promises';
import { type Attack, zeroCell } from '../attack.ts';
import { head } from '../target.ts';

const MIB = 2 ** 20;
const FILE = 'application/x-safetensors';
/** What JSON may have by default, and a little more. */
const JSON_BYTES = 4 * MIB - 200;

/** As many fields as fit a body. */
function manyFields(bytes: number, field: (k: number) => string): string {
  const parts: string[] = [];
  for (let k = 0, length = 0; length < bytes; k++) {
    const part = field(k);
    parts.push(part);
    length += part.length + 1;
  }
  return parts.join(',');
}

function safetensors(elements: number, dtype = 'F32', bytesEach = 4): Buffer {
  const length = elements * bytesEach;
  const text = JSON.stringify({ value: { dtype, shape: [elements], data_offsets: [0, length] } });
  const header = text.padEnd(Math.ceil(text.length / 8) * 8);
  const size = Buffer.alloc(8);
  size.writeBigUInt64LE(BigInt(header.length));
  return Buffer.concat([size, Buffer.from(header), Buffer.alloc(length, 1)]);
}

/** Bodies that cost more to read than to send. */
export const BODIES: readonly Attack[] = [
  ...[3, 16, 64].map(
    (mib) =>
      ({
        name: `${mib} MiB of numbers as JSON`,
        run: async (target) => {
          const body = Buffer.from(
            `{"inputs":[[${manyFields(mib * MIB, (k) => `${k % 10}.${k % 997}`)}]]}`
              .slice(0, mib * MIB - 4)
              .replace(/,[^,]*$/, ']]}'),
          );
          await target.flood(4, () => target.post('/v1/ops/tanh', body));
        },
      }) satisfies Attack,
  ),
  {
    name: 'integers as strings, in a variable of int64',
    run: async (target) => {
      const body = `{"dtype":"int64","value":[${manyFields(JSON_BYTES - 50, (k) => `"90071992547${10000000 + k}"`)}]}`;
      await target.flood(4, () => target.post('/v1/variables', body));
    },
  },
  {
    name: 'a list of strings where numbers belong, and nested brackets',
    run: async (target) => {
      const words = `{"inputs":[[${manyFields(JSON_BYTES - 50, () => '"NaN"')}]]}`;
      const brackets = `{"inputs":[${manyFields(JSON_BYTES - 50, () => '[[[[[[[[]]]]]]]]')}]}`;
      const empty = `{"inputs":[${manyFields(JSON_BYTES - 50, () => '{}')}]}`;
      await target.flood(3, (client) => target.post('/v1/ops/tanh', [words, brackets, empty][client]));
    },
  },
  {
    name: 'a config of a million keys, a million unknown keys, 1.2 M names of weights',
    run: async (target) => {
      const keys = manyFields(15 * MIB, (k) => `"k${k}":1`);
      const bodies = [
        `{"class_name":"LSTMCell","config":{${keys}}}`,
        `{"class_name":"LSTMCell",${keys}}`,
        `{"class_name":"LSTMCell","config":{"units":4},"weights":{${keys}}}`,
      ].map((text) => Buffer.from(text));
      await target.flood(3, (client) => target.post('/v1/cells', bodies[client]));
    },
  },
  {
    name: '65,000 keys: in a config, unknown, names of weights, of steps',
    run: async (target) => {
      const keys = Array.from({ length: 65_000 }, (_, k) => `"k${k}":1`).join(',');
      const bodies = [
        `{"class_name":"LSTMCell","config":{${keys}}}`,
        `{"class_name":"LSTMCell",${keys}}`,
        `{"class_name":"LSTMCell","config":{"units":4},"weights":{${keys}}}`,
        `{"class_name":"LSTMCell","config":{"units":4},"initializer_seeds":{${keys}}}`,
      ];
      await target.flood(4, (client) => target.post('/v1/cells', bodies[client]));
    },
  },
  {
    name: '10,000 steps in a call, each wrong or right',
    run: async (target) => {
      await target.make('/v1/cells', zeroCell('a-cell', 'SimpleRNNCell', 2, 2));
      await target.make('/v1/sessions', { id: 'a-s', cell: 'a-cell' });
      const steps = (step: object) => Buffer.from(JSON.stringify({ steps: Array(10_000).fill(step) }));
      const bodies = [
        steps({ session: 'a-s', inputs: [[1, 2]] }),
        steps({ session: 'none', inputs: [[1, 2]] }),
        steps({ x: 1 }),
      ];
      await target.flood(3, (client) => target.post('/v1/steps', bodies[client]));
    },
  },
  {
    name: 'base64 of 3 MiB, in a step and in a variable',
    run: async (target) => {
      const base64 = Buffer.alloc(2 * MIB, 1).toString('base64');
      const literal = { shape: [MIB / 2], dtype: 'float32', base64 };
      const bodies = [{ value: literal }, { inputs: [literal] }].map((body) => Buffer.from(JSON.stringify(body)));
      await target.flood(3, (client) =>
        target.post(client === 0 ? '/v1/variables' : '/v1/ops/tanh', bodies[client % 2]),
      );
    },
  },
  {
    name: 'safetensors of 16 MiB: float32, bool, float64',
    run: async (target) => {
      const files = [
        safetensors(4 * MIB - 250),
        safetensors(16 * MIB - 1000, 'BOOL', 1),
        safetensors(2 * MIB - 125, 'F64', 8),
      ];
      await target.flood(3, async (client) => {
        await target.post('/v1/variables', files[client], { type: FILE, accept: FILE });
      });
    },
  },
  {
    name: 'weights of 64 MB as safetensors',
    run: async (target) => {
      const file = safetensors(16 * MIB);
      await target.flood(2, () => target.post('/v1/cells', file, { type: FILE }));
      await target.flood(2, () => target.post('/v1/checkpoints', file, { type: FILE }));
    },
  },
  {
    name: 'bodies of 2 MB in chunks of one byte, and of 24, as JSON, lines and files',
    run: async (target) => {
      const bodies = [1, 24].map((size) => {
        const chunk = `${size.toString(16)}\r\n${' '.repeat(size)}\r\n`;
        return Buffer.from(chunk.repeat((2 * MIB) / size));
      });
      const kinds = [
        ['/v1/cells', 'application/json'],
        ['/v1/steps', 'application/jsonl'],
        ['/v1/checkpoints', FILE],
        ['/v1/nothing', 'application/json'],
      ];
      await target.flood(20, async (client) => {
        const [path, type] = kinds[client % kinds.length];
        const start = head('POST', path, { 'content-type': type, 'transfer-encoding': 'chunked' });
        const socket = target.open(Buffer.concat([start, bodies[client % 3 === 0 ? 1 : 0]])).resume();
        await Promise.race([new Promise((closed) => socket.once('close', closed)), delay(2_000)]);
        socket.destroy();
      });
    },
  },
  {
    name: 'bodies of 60 MB that are answered before they come',
    run: async (target) => {
      const body = Buffer.alloc(60 * MIB, 1);
      const requests = [
        () => target.post('/v1/nothing', body, { type: FILE }),
        () => target.post('/v1/cells', body, { type: 'text/plain' }),
        () => target.post('/v1/%zz', body, { type: FILE }),
        () => target.send('GET', '/v1/cells', { body }),
      ];
      await target.flood(4, (client) => requests[client]());
    },
  },
];
