import { expect, it } from 'vitest';
import { call, expectProblem, make } from '../support/call.ts';
import { onEveryStore, onMemory } from '../support/serve.ts';

const op = (name: string, body: unknown) => ['POST', `/v1/ops/${name}`, body] as const;

onEveryStore('ops', (served) => {
  it('leaves a variable as it is', async () => {
    const { app } = served;
    await make(app, '/v1/variables', { id: 'v', value: [[1.5, -2]] });
    const doubled = await call(app, ...op('multiply', { inputs: [{ variable: 'v' }, 2] }));
    expect(doubled).toMatchObject({ status: 200, body: { output: [[3, -4]] } });
    expect((await call(app, 'GET', '/v1/variables/v')).body).toMatchObject({ value: [[1.5, -2]], version: 1 });
  });
});

onMemory('ops', (served) => {
  it('are listed, and each one listed answers', async () => {
    const { app } = served;
    const { body, status } = await call(app, 'GET', '/v1/ops');
    expect(status).toBe(200);
    const names = body.items.map(({ name }: { name: string }) => name);
    for (const name of [
      'tanh',
      'relu',
      'softmax',
      'silu',
      'swish',
      'add',
      'subtract',
      'multiply',
      'divide',
      'matmul',
    ]) {
      expect(names).toContain(name);
    }
    for (const { name, inputs, params } of body.items) {
      const two = [
        [1, 2],
        [3, 4],
      ];
      const needed = Object.fromEntries(Object.keys(params).flatMap((key) => (params[key] === null ? [[key, 1]] : [])));
      const given = name === 'relu' ? {} : needed;
      const reply = await call(app, ...op(name, { inputs: inputs === 1 ? [two] : [two, two], params: given }));
      expect(reply.status, `${name}: ${reply.text}`).toBe(200);
    }
  });

  it.each([
    ['tanh', { inputs: [['-Infinity', 6, 'Infinity']] }, '[-1,0.9999877,1]'],
    [
      'softmax',
      {
        inputs: [
          [
            [0, 0],
            [0, 0],
            [0, 0],
          ],
        ],
        params: { axis: 0 },
      },
      '[[0.33333334,0.33333334],[0.33333334,0.33333334],[0.33333334,0.33333334]]',
    ],
    ['relu', { inputs: [[-2, 3, 9]], params: { max_value: 6, negative_slope: 0.5 } }, '[-1,3,6]'],
    [
      'add',
      {
        inputs: [
          [[1], [2]],
          [10, 20],
        ],
      },
      '[[11,21],[12,22]]',
    ],
    ['divide', { inputs: [[1, -1, 0], 0] }, '["Infinity","-Infinity","NaN"]'],
    [
      'matmul',
      {
        inputs: [
          [
            [1, 2],
            [3, 4],
          ],
          [5, 6],
        ],
      },
      '[17,39]',
    ],
    [
      'multiply',
      { inputs: [{ shape: [2], dtype: 'int64', data: ['9007199254740993', 2] }, 1] },
      '["9007199254740993",2]',
    ],
    ['subtract', { inputs: [{ shape: [], dtype: 'float64', data: [0.1] }, 0.3] }, '-0.19999999999999998'],
  ])('%s of %j is right', async (name, body, output) => {
    const { app } = served;
    expect((await call(app, ...op(name, body))).text).toBe(`{"output":${output}}`);
  });

  it('answers in the form that is asked for', async () => {
    const { app } = served;
    const body = { inputs: [[-1, 2]], tensor_format: 'base64' };
    const reply = await call(app, ...op('relu', body));
    expect(reply.body.output).toEqual({ shape: [2], dtype: 'float32', base64: 'AAAAAAAAAEA=' });
  });

  it.each([
    ['nope', { inputs: [1] }, 'not-found', /'nope'.*GET \/v1\/ops/],
    ['tanh', { inputs: [1, 2] }, 'invalid-value', /takes 1 tensor; 2 were sent/],
    ['add', { inputs: [1] }, 'invalid-value', /takes 2 tensors; 1 was sent/],
    ['tanh', { inputs: [] }, 'invalid-request', /inputs/],
    ['tanh', { inputs: [1], params: { foo: 1 } }, 'invalid-value', /'foo'/],
    ['softmax', { inputs: [[1]], params: { axis: 5 } }, 'invalid-value', /5/],
    ['softmax', { inputs: [[1]], params: { axis: 0.5 } }, 'invalid-value', /0\.5/],
    [
      'add',
      {
        inputs: [
          [1, 2],
          [1, 2, 3],
        ],
      },
      'wrong-shape',
      /\[2\] and \[3\]/,
    ],
    ['matmul', { inputs: [[[1, 2]], [[1, 2]]] }, 'wrong-shape', /\[1,2\] and \[1,2\]/],
    ['add', { inputs: [{ variable: 'none' }, 1] }, 'invalid-value', /'none'/],
    ['add', { inputs: [1e39, 1] }, 'value-out-of-range', /1e\+39/],
    [
      'matmul',
      {
        inputs: [
          { shape: [30000, 0], data: [] },
          { shape: [0, 30000], data: [] },
        ],
      },
      'limit-exceeded',
      /elements/,
    ],
  ] as const)('%s of %j is refused', async (name, body, code, detail) => {
    expectProblem(await call(served.app, ...op(name, body)), code, detail);
  });
});
