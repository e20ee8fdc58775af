import fc from 'fast-check';
import { expect, it } from 'vitest';
import { type Called, call, make } from '../support/call.ts';
import { runs } from '../support/runs.ts';
import { onMemory } from '../support/serve.ts';

const CELLS = [
  { id: 'lstm', class_name: 'LSTMCell', config: { units: 3, recurrent_initializer: 'glorot_uniform' } },
  { id: 'gru', class_name: 'GRUCell', config: { units: 2, recurrent_initializer: 'glorot_uniform', dtype: 'float64' } },
  { id: 'half', class_name: 'SimpleRNNCell', config: { units: 2, dtype: 'float16' } },
];
const STATES = { lstm: [3, 3], gru: [2], half: [2] } as const;

const float32Bytes = (...values: number[]) => Buffer.from(Float32Array.from(values).buffer).toString('base64');
const number = fc.oneof(
  { weight: 20, arbitrary: fc.float({ noNaN: true, noDefaultInfinity: true, noInteger: true }) },
  { weight: 1, arbitrary: fc.constantFrom(0, -0, 1e39, 1e300, 'NaN', '-Infinity', '9007199254740993', true, null) },
);
const rowsOf = (rows: number, width: number) =>
  fc.array(fc.array(number, { minLength: width, maxLength: width }), { minLength: rows, maxLength: rows });
/** Mostly of the shape that is wanted. */
const tensor = (rows: number, width: number) =>
  fc.oneof(
    { weight: 12, arbitrary: rowsOf(rows, width) },
    { weight: 1, arbitrary: rowsOf(rows + 1, width) },
    { weight: 1, arbitrary: rowsOf(rows, width + 1) },
    {
      weight: 1,
      arbitrary: fc.constantFrom<unknown>(
        { variable: 'none' },
        { shape: [rows, width], data: Array.from({ length: rows * width }, (_, i) => i / 7) },
        { shape: [1, 2], dtype: 'float32', base64: float32Bytes(0.1, -3) },
        { shape: [0, width], data: [] },
        5,
      ),
    },
  );
const step = fc.constantFrom('lstm' as const, 'gru' as const, 'half' as const, 'none' as const).chain((cell) =>
  fc.integer({ min: 1, max: 3 }).chain((rows) => {
    const widths = cell === 'none' ? [1] : STATES[cell];
    const list = fc.tuple(
      ...widths.map((width) => fc.oneof({ weight: 8, arbitrary: tensor(rows, width) }, fc.constant(null))),
    );
    const states = fc.oneof(
      { weight: 8, arbitrary: list },
      tensor(rows, widths[0]),
      fc.constant([]),
      fc.constant(null),
    );
    const body = fc.record({ inputs: tensor(rows, 2), states }, { requiredKeys: ['inputs'] });
    return body.map((sent) => ({ cell, sent }));
  }),
);

onMemory('steps that are asked for in one turn', (served) => {
  const post = (cell: string, body: object) => call(served.app, 'POST', `/v1/cells/${cell}/steps`, body);
  /** A step with a trace is taken alone. */
  const alone = async (cell: string, sent: object) => answerOf(await post(cell, { ...sent, trace: true }));
  const answerOf = ({ status, body: { trace: _, request_id: _own, ...rest } }: Called) => ({ status, rest });

  it('answers each as if it were alone, refusals included', async () => {
    for (const cell of CELLS) await make(served.app, '/v1/cells', { ...cell, input_shape: [null, 2] });
    let taken = 0;
    const property = fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 12 }), async (steps) => {
      const together = await Promise.all(steps.map(({ cell, sent }) => post(cell, sent)));
      for (const [k, { cell, sent }] of steps.entries()) {
        if (together[k].status === 200) taken++;
        expect(answerOf(together[k])).toEqual(await alone(cell, sent));
      }
    });
    await fc.assert(property, { numRuns: runs(480) });
    expect(taken).toBeGreaterThan(60);
  });

  it('computes them as one batch', async () => {
    await make(served.app, '/v1/cells', { ...CELLS[0], input_shape: [null, 2] });
    const batches = async () => {
      const { text } = await call(served.app, 'GET', '/metrics');
      return Number(/cellstep_batch_size_rows_count\{[^}]*\} (\d+)/.exec(text)?.[1]);
    };
    const before = await batches();
    await Promise.all(Array.from({ length: 8 }, (_, k) => post('lstm', { inputs: [[k, 1]] })));
    expect((await batches()) - before).toBe(1);
  });

  it('builds a cell by the first of several steps', async () => {
    await make(served.app, '/v1/cells', { id: 'new', class_name: 'SimpleRNNCell', config: { units: 1 } });
    const steps = await Promise.all([[[1]], [[2]], [[1, 2]]].map((inputs) => post('new', { inputs })));
    expect(steps.map(({ status }) => status)).toEqual([200, 200, 422]);
  });
});
