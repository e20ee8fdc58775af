import { expect, it } from 'vitest';
import { call, expectProblem, make, type Sent, TUTORIAL_CELL } from '../support/call.ts';
import { onEveryStore, onMemory } from '../support/serve.ts';

onEveryStore('variables', (served) => {
  it('makes, lists, assigns and deletes a variable', async () => {
    const { app } = served;
    const made = await make(app, '/v1/variables', { id: 'v', value: [[1, 2]], trainable: false });
    expect(made.headers).toMatchObject({ location: '/v1/variables/v', etag: '"1"' });
    const value = { id: 'v', shape: [1, 2], dtype: 'float32', trainable: false, value: [[1, 2]], version: 1 };
    expect(made.body).toEqual(value);
    expect((await call(app, 'GET', '/v1/variables?values=true')).body).toEqual({ items: [value], next_cursor: null });
    const { value: _, ...listed } = value;
    expect((await call(app, 'GET', '/v1/variables')).body).toEqual({ items: [listed], next_cursor: null });
    expect((await call(app, 'PUT', '/v1/variables/v', { value: [[3, 4]] })).body).toMatchObject({ version: 2 });
    const changes = [
      ['assign', [[1, 1]], [[1, 1]]],
      ['assign_add', [[2, 3]], [[3, 4]]],
      ['assign_sub', [[1, 1]], [[2, 3]]],
    ] as const;
    for (const [i, [kind, sent, now]] of changes.entries()) {
      const reply = await call(app, 'POST', `/v1/variables/v/${kind}`, { value: sent });
      expect(reply).toMatchObject({ status: 200, body: { value: now, version: i + 3 } });
      expect(reply.headers.etag).toBe(`"${i + 3}"`);
    }
    expect((await call(app, 'DELETE', '/v1/variables/v')).status).toBe(204);
    expectProblem(await call(app, 'GET', '/v1/variables/v'), 'not-found');
    expectProblem(await call(app, 'PUT', '/v1/variables/v', { value: [[1, 1]] }), 'not-found');
    expectProblem(await call(app, 'DELETE', '/v1/variables/v'), 'not-found');
  });

  it("serves the same sub-routes for a cell's variable, each change a version of the cell", async () => {
    const { app } = served;
    await make(app, '/v1/cells', { ...TUTORIAL_CELL, input_shape: [null, 2] });
    const url = '/v1/cells/cell/variables/kernel';
    expect((await call(app, 'GET', url)).body).toEqual({
      name: 'kernel',
      shape: [2, 1],
      dtype: 'float32',
      trainable: true,
      value: [[1], [1]],
      version: 1,
    });
    await call(app, 'PUT', url, { value: [[2], [2]] });
    await call(app, 'POST', `${url}/assign`, { value: [[3], [3]] });
    await call(app, 'POST', `${url}/assign_add`, { value: [[1], [0]] });
    await call(app, 'POST', `${url}/assign_sub`, { value: [[0], [1]] });
    const last = await call(app, 'POST', `${url}/scatter_update`, { indices: [[1, 0]], updates: [9] });
    expect(last.body).toMatchObject({ value: [[4], [9]], version: 6 });
    const cell = await call(app, 'GET', '/v1/cells/cell');
    expect(cell.body.version).toBe(6);
    expect(cell.body.variables.map(({ version }: { version: number }) => version)).toEqual([6, 1, 1]);
    const stepped = await call(app, 'POST', '/v1/cells/cell/steps', { inputs: [[1, 1]] });
    expect(stepped.body).toMatchObject({ output: [[16]], cell_version: 6 });
    expectProblem(await call(app, 'GET', '/v1/cells/cell/variables/nope'), 'not-found', /kernel, recurrent_kernel/);
    expectProblem(await call(app, 'GET', '/v1/cells/none/variables/kernel'), 'not-found', /'none'/);
    const shape = await call(app, 'PUT', url, { value: [1, 2] });
    expect(expectProblem(shape, 'wrong-shape', /\[2\].*\[2,1\]/).errors?.[0].pointer).toBe('/value');
  });

  it('adds up fifty parallel assign_adds of 1 to exactly 50', async () => {
    const { app } = served;
    await make(app, '/v1/variables', { id: 'v', value: 0 });
    await make(app, '/v1/cells', { ...TUTORIAL_CELL, input_shape: [null, 1] });
    const urls = ['/v1/variables/v', '/v1/cells/cell/variables/bias'];
    const adds = urls.flatMap((url) =>
      Array.from({ length: 50 }, () => call(app, 'POST', `${url}/assign_add`, { value: url.endsWith('v') ? 1 : [1] })),
    );
    for (const reply of await Promise.all(adds)) expect(reply.status).toBe(200);
    expect((await call(app, 'GET', urls[0])).body).toMatchObject({ value: 50, version: 51 });
    expect((await call(app, 'GET', urls[1])).body).toMatchObject({ value: [53], version: 51 });
  });

  it('changes a variable only at the version that If-Match asks for', async () => {
    const { app } = served;
    await make(app, '/v1/variables', { id: 'v', value: [1] });
    await make(app, '/v1/cells', { ...TUTORIAL_CELL, input_shape: [null, 1] });
    for (const url of ['/v1/variables/v', '/v1/cells/cell/variables/bias']) {
      const stale = { 'if-match': '"9"' };
      const requests: readonly Sent[] = [
        ['PUT', url, { value: [2] }],
        ['POST', `${url}/assign`, { value: [2] }],
        ['POST', `${url}/assign_add`, { value: [2] }],
        ['POST', `${url}/assign_sub`, { value: [2] }],
        ['POST', `${url}/scatter_update`, { indices: [[0]], updates: [2] }],
      ];
      for (const request of requests) expectProblem(await call(app, ...request, stale), 'version-mismatch', /"9"/);
      for (const [i, request] of requests.entries()) {
        expect((await call(app, ...request, { 'if-match': `"${i + 1}"` })).status).toBe(200);
      }
      const fresh = await call(app, 'GET', url, undefined, { 'if-none-match': '"6"' });
      expect(fresh).toMatchObject({ status: 304, text: '' });
    }
    expectProblem(await call(app, 'DELETE', '/v1/variables/v', undefined, { 'if-match': '"1"' }), 'version-mismatch');
  });
});

onMemory('variables', (served) => {
  it.each([
    [{ value: 1.5 }, 'float32', [], '1.5'],
    [{ value: 0.1, dtype: 'float64' }, 'float64', [], '0.1'],
    [{ value: [1, 2], dtype: 'int32' }, 'int32', [2], '[1,2]'],
    [{ value: ['9223372036854775807', -5] }, 'int64', [2], '["9223372036854775807",-5]'],
    [{ value: [true, false] }, 'bool', [2], '[true,false]'],
    [{ value: [0, 1], dtype: 'bool' }, 'bool', [2], '[false,true]'],
    [{ value: 0.1, dtype: 'bfloat16' }, 'bfloat16', [], '0.1'],
    [{ value: 0.1, dtype: 'float16' }, 'float16', [], '0.1'],
    [{ value: { shape: [1, 2], dtype: 'int32', base64: 'AQAAAP////8=' } }, 'int32', [1, 2], '[[1,-1]]'],
    [{ value: { shape: [2, 0], data: [] } }, 'float32', [2, 0], '[[],[]]'],
    [{ initializer: 'ones', shape: [2] }, 'float32', [2], '[1,1]'],
    [{ initializer: 'identity', shape: [2, 2], dtype: 'float64' }, 'float64', [2, 2], '[[1,0],[0,1]]'],
    [{ randint: { low: 2, high: 3, size: [1, 1] } }, 'int64', [1, 1], '[[2]]'],
    [{ randint: { low: 0, high: 10, size: [6], seed: 0 }, dtype: 'int32' }, 'int32', [6], '[5,0,3,3,7,9]'],
  ])('takes %j as a first value', async (body, dtype, shape, value) => {
    const { app } = served;
    const made = await make(app, '/v1/variables', { id: 'v', ...body });
    expect(made.body).toMatchObject({ dtype, shape });
    expect((await call(app, 'GET', '/v1/variables/v')).text).toContain(`"value":${value},`);
  });

  it('starts with the value and the dtype of another variable', async () => {
    const { app } = served;
    await make(app, '/v1/variables', { id: 'a', value: ['9007199254740993'] });
    const copy = await make(app, '/v1/variables', { id: 'b', value: { variable: 'a' } });
    expect(copy.body).toMatchObject({ dtype: 'int64', value: ['9007199254740993'] });
    const double = await make(app, '/v1/variables', { id: 'c', value: { variable: 'a' }, dtype: 'float64' });
    expect(double.body).toMatchObject({ dtype: 'float64', value: [9007199254740992] });
    const missing = await call(app, 'POST', '/v1/variables', { value: { variable: 'none' } });
    expect(expectProblem(missing, 'invalid-value', /'none'/).errors?.[0].pointer).toBe('/value/variable');
  });

  it('draws the same values from the same seed', async () => {
    const { app } = served;
    const uniform = { class_name: 'RandomUniform', config: { minval: 0, maxval: 1, seed: 3 } };
    const body = { initializer: uniform, shape: [4] };
    const [a, b] = [await make(app, '/v1/variables', body), await make(app, '/v1/variables', body)];
    expect(a.body.value).toEqual(b.body.value);
    const unseeded = { initializer: 'random_uniform', shape: [4] };
    const [c, d] = [await make(app, '/v1/variables', unseeded), await make(app, '/v1/variables', unseeded)];
    expect(c.body.value).not.toEqual(d.body.value);
  });

  it('writes updates of places in order, the later one of two stays', async () => {
    const { app } = served;
    await make(app, '/v1/variables', {
      id: 'v',
      value: [
        [1, 1],
        [2, 2],
        [3, 3],
      ],
    });
    const url = '/v1/variables/v/scatter_update';
    const rows = await call(app, 'POST', url, {
      indices: [[0], [2]],
      updates: [
        [7, 8],
        [9, 9],
      ],
    });
    expect(rows.body.value).toEqual([
      [7, 8],
      [2, 2],
      [9, 9],
    ]);
    const places = await call(app, 'POST', url, {
      indices: [
        [0, 1],
        [0, 1],
      ],
      updates: [4, 5],
    });
    expect(places.body.value[0]).toEqual([7, 5]);
    const outside = await call(app, 'POST', url, { indices: [[3]], updates: [[0, 0]] });
    expect(expectProblem(outside, 'invalid-value', /\[3\].*\[3,2\]/).errors?.[0].pointer).toBe('/indices/0/0');
    const deep = await call(app, 'POST', url, { indices: [[0, 0, 0]], updates: [0] });
    expectProblem(deep, 'wrong-shape', /length 3.*\[3,2\]/);
    expectProblem(await call(app, 'POST', url, { indices: [[0]], updates: [0] }), 'wrong-shape', /\[1\].*\[1,2\]/);
    const ragged = await call(app, 'POST', url, { indices: [[0], [0, 1]], updates: [0] });
    expect(expectProblem(ragged, 'ragged-tensor').errors?.[0].pointer).toBe('/indices/1');
    expect((await call(app, 'GET', '/v1/variables/v')).body.version).toBe(3);
  });

  it('wraps integers around, adds int64 exactly, and adds nothing to a bool', async () => {
    const { app } = served;
    await make(app, '/v1/variables', { id: 'i', value: [2147483647], dtype: 'int32' });
    await make(app, '/v1/variables', { id: 'l', value: ['9007199254740993'] });
    await make(app, '/v1/variables', { id: 'b', value: [true] });
    const add = (id: string, value: unknown) => call(app, 'POST', `/v1/variables/${id}/assign_add`, { value });
    expect((await add('i', [1])).body.value).toEqual([-2147483648]);
    expect((await add('l', [1])).body.value).toEqual(['9007199254740994']);
    expectProblem(await add('b', [true]), 'invalid-value', /bool/);
    expectProblem(await add('i', [1.5]), 'value-out-of-range', /1\.5.*int32/);
    expectProblem(await add('i', [2 ** 31]), 'value-out-of-range', /2147483648/);
    expectProblem(await call(app, 'PUT', '/v1/variables/b', { value: [2] }), 'value-out-of-range', /bool/);
  });

  it('writes its value in the form that is asked for', async () => {
    const { app } = served;
    const made = await make(app, '/v1/variables', { id: 'v', value: [1, 2], dtype: 'float64', tensor_format: 'flat' });
    expect(made.body.value).toEqual({ shape: [2], dtype: 'float64', data: [1, 2] });
    const added = await call(app, 'POST', '/v1/variables/v/assign_add', { value: [1, 1], tensor_format: 'base64' });
    expect(added.body.value).toEqual({ shape: [2], dtype: 'float64', base64: 'AAAAAAAAAEAAAAAAAAAIQA==' });
  });

  it.each([
    ['nothing to start with', {}, 'invalid-request', ''],
    ['two values', { value: 1, randint: { low: 0, high: 1, size: [] } }, 'invalid-request', '/randint'],
    ['an initializer without a shape', { initializer: 'ones' }, 'invalid-request', '/shape'],
    ['an unknown initializer', { initializer: 'foo', shape: [1] }, 'invalid-config', '/initializer'],
    ['an orthogonal vector', { initializer: 'orthogonal', shape: [3] }, 'invalid-config', '/initializer'],
    ['an endless draw', { initializer: 'orthogonal', shape: [5000, 5000] }, 'limit-exceeded', '/shape'],
    ['an empty range', { randint: { low: 3, high: 3, size: [1] } }, 'invalid-value', '/randint/high'],
    ['a huge shape', { initializer: 'ones', shape: [2147483647, 2147483647] }, 'limit-exceeded', '/shape'],
    ['an unknown dtype', { value: 1, dtype: 'complex64' }, 'invalid-request', '/dtype'],
    ['a string', { value: 'one' }, 'invalid-request', '/value'],
    ['numbers beside booleans', { value: [1, true] }, 'invalid-request', '/value'],
    ['too few values', { value: { shape: [2, 2], data: [1] } }, 'wrong-shape', '/value/data'],
    ['too few bytes', { value: { shape: [2], dtype: 'float32', base64: 'AAAA' } }, 'invalid-request', '/value/base64'],
    ['no base64', { value: { shape: [0], dtype: 'float32', base64: '!' } }, 'invalid-request', '/value/base64'],
    ['a ragged value', { value: [[1], 2] }, 'ragged-tensor', '/value/1'],
    ['nine axes', { value: [[[[[[[[[1]]]]]]]]] }, 'wrong-shape', '/value'],
  ] as const)('refuses a variable with %s', async (_, body, code, pointer) => {
    const { errors } = expectProblem(await call(served.app, 'POST', '/v1/variables', body), code);
    expect(errors?.[0].pointer).toBe(pointer);
  });
});
