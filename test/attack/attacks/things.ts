import { type Attack, ZEROS, zeroCell } from '../attack.ts';

/** The largest that the defaults allow. */
const LARGE = [2 ** 24];
/** Replies as a file of tensors: as JSON they would be too long. */
const FILE = { accept: 'application/x-safetensors' };

/** Short requests for large things. */
export const THINGS: readonly Attack[] = [
  {
    name: 'a stack of 64 x LSTM(2896)',
    run: async (target) => {
      const cells = Array.from({ length: 64 }, () => ({ class_name: 'LSTMCell', config: { units: 2896, ...ZEROS } }));
      const stack = { class_name: 'StackedRNNCells', config: { cells }, input_shape: [null, 2896] };
      await target.flood(4, () => target.post('/v1/cells', stack));
    },
  },
  {
    name: 'sessions of a million rows, a float64 LSTM(2896), a variable of 33 M',
    run: async (target) => {
      await target.make('/v1/cells', zeroCell('a-cell', 'LSTMCell', 16, 16));
      await target.flood(4, async () => {
        await target.post('/v1/sessions', { cell: 'a-cell', batch_size: 1048576 });
        await target.post('/v1/cells', zeroCell('a-64', 'LSTMCell', 2896, 2896, { dtype: 'float64' }));
        await target.post('/v1/variables', { initializer: 'zeros', shape: [2 ** 25] });
      });
    },
  },
  {
    name: 'a variable of 16 M elements, made, changed, read, deleted',
    run: async (target) => {
      await target.flood(2, async (client) => {
        const id = `a-${client}`;
        await target.post('/v1/variables', { id, initializer: 'ones', shape: LARGE }, FILE);
        await target.post(`/v1/variables/${id}/assign_add`, { value: 1, tensor_format: 'base64' });
        await target.send('GET', `/v1/variables/${id}`);
        await target.send('GET', `/v1/variables/${id}`, { accept: 'application/x-safetensors' });
        await target.send('DELETE', `/v1/variables/${id}`);
      });
    },
  },
  {
    name: 'variables drawn at random, and cast to narrow dtypes',
    run: async (target) => {
      const initializer = { class_name: 'TruncatedNormal', config: { seed: 1 } };
      await target.flood(2, async (client) => {
        const dtype = client === 0 ? 'float16' : 'bfloat16';
        await target.post('/v1/variables', { id: `a-${client}`, initializer, shape: [2 ** 22], dtype }, FILE);
        await target.send('DELETE', `/v1/variables/a-${client}`);
        await target.post('/v1/variables', { id: `r-${client}`, randint: { low: 0, high: 9, size: [2 ** 22] } }, FILE);
        await target.send('DELETE', `/v1/variables/r-${client}`);
      });
    },
  },
  {
    name: 'a churn of LSTM(1500): made, stepped, deleted',
    run: async (target) => {
      await target.flood(2, async (client) => {
        const id = `a-${client}`;
        await target.post('/v1/cells', zeroCell(id, 'LSTMCell', 1500, 1500));
        await target.post(`/v1/cells/${id}/steps`, {
          inputs: { shape: [1, 1500], base64: Buffer.alloc(6000).toString('base64') },
        });
        await target.send('DELETE', `/v1/cells/${id}`);
      });
    },
  },
  {
    name: '14 forks of a session of 67 MB, checkpoints of all, lists',
    run: async (target) => {
      await target.make('/v1/cells', zeroCell('a-cell', 'LSTMCell', 64, 16));
      await target.make('/v1/sessions', { id: 'a-s', cell: 'a-cell', batch_size: 131072 }, FILE);
      for (let k = 0; k < 14; k++) await target.post('/v1/sessions/a-s/fork', { id: `a-f${k}` }, FILE);
      await target.flood(2, async () => {
        await target.post('/v1/checkpoints', { all: true });
        await target.send('GET', '/v1/sessions');
        await target.send('GET', '/v1/sessions?values=true');
      });
    },
  },
  {
    name: 'twenty checkpoints of all at once',
    run: async (target) => {
      await target.make('/v1/variables', { id: 'a-v', initializer: 'ones', shape: [2 ** 23] }, FILE);
      await target.make('/v1/variables', { id: 'a-w', initializer: 'ones', shape: [2 ** 22] }, FILE);
      await target.flood(20, () => target.post('/v1/checkpoints', { all: true }));
    },
  },
];
