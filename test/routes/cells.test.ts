import { expect, it } from 'vitest';
import { call, expectProblem, make, TUTORIAL_CELL } from '../support/call.ts';
import { onEveryStore, onMemory } from '../support/serve.ts';

onEveryStore('cells', (served) => {
  it('makes, lists, shows and deletes a cell', async () => {
    const { app } = served;
    const made = await make(app, '/v1/cells', { ...TUTORIAL_CELL, input_shape: [null, 1] });
    expect(made.headers).toMatchObject({ location: '/v1/cells/cell', etag: '"1"' });
    expect(made.body).toMatchObject({
      id: 'cell',
      framework: 'keras',
      class_name: 'SimpleRNNCell',
      built: true,
      input_shape: [null, 1],
      state_shapes: [[null, 1]],
      output_shape: [null, 1],
      output_is_state: 0,
      parameter_count: 3,
      version: 1,
      created_at: '2030-01-01T00:00:00.000Z',
      updated_at: '2030-01-01T00:00:00.000Z',
    });
    expect(made.body.config).toMatchObject({ name: 'simple_rnn_cell', units: 1, activation: 'linear', use_bias: true });
    expect(made.body.variables.map(({ name, shape }: { name: string; shape: number[] }) => [name, shape])).toEqual([
      ['kernel', [1, 1]],
      ['recurrent_kernel', [1, 1]],
      ['bias', [1]],
    ]);
    const shown = await call(app, 'GET', '/v1/cells/cell');
    expect(shown).toMatchObject({ status: 200, body: made.body });
    expect(shown.headers.etag).toBe('"1"');
    expect((await call(app, 'GET', '/v1/cells')).body).toEqual({ items: [made.body], next_cursor: null });

    expect(await call(app, 'DELETE', '/v1/cells/cell')).toMatchObject({ status: 204, text: '' });
    expectProblem(await call(app, 'GET', '/v1/cells/cell'), 'not-found', /'cell'/);
    expectProblem(await call(app, 'DELETE', '/v1/cells/cell'), 'not-found');
  });

  it('makes an id for a cell without one, and refuses a taken id', async () => {
    const { app } = served;
    const { id: _, ...anonymous } = TUTORIAL_CELL;
    const made = await make(app, '/v1/cells', anonymous);
    expect(made.body.id).toMatch(/^cell_a\d+$/);
    expect(made.headers.location).toBe(`/v1/cells/${made.body.id}`);
    await make(app, '/v1/cells', TUTORIAL_CELL);
    expectProblem(await call(app, 'POST', '/v1/cells', TUTORIAL_CELL), 'already-exists', /'cell'/);
  });

  it('pages through cells in the order of their ids', async () => {
    const { app } = served;
    for (const id of ['b', 'c', 'a', 'A', '9']) await make(app, '/v1/cells', { ...TUTORIAL_CELL, id });
    const seen: string[] = [];
    let pages = 0;
    for (let cursor: string | null = ''; cursor !== null; pages++) {
      const query: string = cursor === '' ? '' : `&cursor=${cursor}`;
      const { body } = await call(app, 'GET', `/v1/cells?limit=2${query}`);
      seen.push(...body.items.map(({ id }: { id: string }) => id));
      cursor = body.next_cursor;
    }
    expect(seen).toEqual(['9', 'A', 'a', 'b', 'c']);
    expect(pages).toBe(3);
    const { body } = await call(app, 'GET', '/v1/cells?limit=5');
    expect(body.next_cursor).toBeNull();
  });

  it('builds a cell once, again only with as many features', async () => {
    const { app } = served;
    await make(app, '/v1/cells', TUTORIAL_CELL);
    expect((await call(app, 'GET', '/v1/cells/cell')).body).toMatchObject({ built: false, input_shape: null });
    const built = await call(app, 'POST', '/v1/cells/cell/build', { input_shape: [null, 2] });
    expect(built).toMatchObject({ status: 200, body: { built: true, version: 2, parameter_count: 4 } });
    expect(built.headers.etag).toBe('"2"');
    const again = await call(app, 'POST', '/v1/cells/cell/build', { input_shape: [7, 2] });
    expect(again).toMatchObject({ status: 200, body: { version: 2 } });
    const other = await call(app, 'POST', '/v1/cells/cell/build', { input_shape: [null, 3] });
    expectProblem(other, 'already-built', /\[null,2\].*\[null,3\]/);
    expectProblem(await call(app, 'POST', '/v1/cells/none/build', { input_shape: [null, 3] }), 'not-found');
    await make(app, '/v1/cells', { ...TUTORIAL_CELL, id: 'second' });
    const open = await call(app, 'POST', '/v1/cells/second/build', { input_shape: [3, null] });
    expectProblem(open, 'invalid-value', /\[3,null\]/);
  });

  it('is built by its first step, and stays built', async () => {
    const { app } = served;
    await make(app, '/v1/cells', TUTORIAL_CELL);
    const unbuilt = await call(app, 'GET', '/v1/cells/cell/weights');
    expect(unbuilt.body).toEqual({ weights: {}, cell_version: 1 });
    expect((await call(app, 'GET', '/v1/cells/cell/variables')).body).toEqual({ items: [] });
    expectProblem(await call(app, 'GET', '/v1/cells/cell/variables/kernel'), 'not-built', /'cell'/);
    expectProblem(await call(app, 'PUT', '/v1/cells/cell/weights', { weights: {} }), 'not-built');
    const stepped = await call(app, 'POST', '/v1/cells/cell/steps', { inputs: [[2, 4]], states: [[[1]]] });
    expect(stepped.body).toEqual({ output: [[10]], states: [[[10]]], cell_version: 2 });
    expect((await call(app, 'GET', '/v1/cells/cell')).body).toMatchObject({ built: true, input_shape: [null, 2] });
    const narrow = await call(app, 'POST', '/v1/cells/cell/steps', { inputs: [[2]] });
    expectProblem(narrow, 'wrong-shape', /\[1,1\].*2 features/);
  });

  it('puts all weights at once, as one new version', async () => {
    const { app } = served;
    await make(app, '/v1/cells', { ...TUTORIAL_CELL, input_shape: [null, 1] });
    const weights = { kernel: [[2]], recurrent_kernel: [[-1]], bias: [0.5] };
    const put = await call(app, 'PUT', '/v1/cells/cell/weights', { weights });
    expect(put).toMatchObject({ status: 200, body: { version: 2 } });
    const read = await call(app, 'GET', '/v1/cells/cell/weights');
    expect(read.body).toEqual({ weights, cell_version: 2 });
    const stepped = await call(app, 'POST', '/v1/cells/cell/steps', { inputs: [[3]], states: [[1]] });
    expect(stepped.body).toEqual({ output: [[5.5]], states: [[[5.5]]], cell_version: 2 });
    const { bias: _, ...two } = weights;
    const partial = await call(app, 'PUT', '/v1/cells/cell/weights', { weights: two });
    expectProblem(partial, 'wrong-shape', /'bias' is missing/);
    const wrong = await call(app, 'PUT', '/v1/cells/cell/weights', { weights: { ...weights, bias: [1, 2] } });
    expect(expectProblem(wrong, 'wrong-shape', /\[2\].*\[1\]/).errors?.[0].pointer).toBe('/weights/bias');
    expect((await call(app, 'GET', '/v1/cells/cell')).body.version).toBe(2);
  });

  it('refuses to delete a cell in use, unless forced', async () => {
    const { app } = served;
    await make(app, '/v1/cells', TUTORIAL_CELL);
    await make(app, '/v1/sessions', { id: 's', cell: 'cell' });
    expectProblem(await call(app, 'DELETE', '/v1/cells/cell'), 'in-use', /'s'/);
    expectProblem(await call(app, 'DELETE', '/v1/cells/cell?force=false'), 'in-use');
    expect((await call(app, 'DELETE', '/v1/cells/cell?force=true')).status).toBe(204);
    expectProblem(await call(app, 'POST', '/v1/sessions/s/steps', { inputs: [[1]] }), 'cell-gone', /'cell'/);
    expect((await call(app, 'GET', '/v1/sessions/s')).status).toBe(200);
  });

  it('deletes a cell whose sessions were ended or have expired', async () => {
    const { app, clock } = served;
    await make(app, '/v1/cells', TUTORIAL_CELL);
    await make(app, '/v1/sessions', { id: 'ended', cell: 'cell' });
    await make(app, '/v1/sessions', { id: 'idle', cell: 'cell', ttl_seconds: 60 });
    await call(app, 'DELETE', '/v1/sessions/ended');
    expectProblem(await call(app, 'DELETE', '/v1/cells/cell'), 'in-use', /'idle'/);
    clock.now += 60_000;
    expect((await call(app, 'DELETE', '/v1/cells/cell')).status).toBe(204);
  });

  it('keeps a session of a deleted cell apart from a new cell of the same id', async () => {
    const { app } = served;
    await make(app, '/v1/cells', { ...TUTORIAL_CELL, input_shape: [null, 1] });
    await make(app, '/v1/sessions', { id: 'old', cell: 'cell' });
    await call(app, 'DELETE', '/v1/cells/cell?force=true');
    const config = { ...TUTORIAL_CELL.config, bias_initializer: 'zeros' };
    await make(app, '/v1/cells', { ...TUTORIAL_CELL, config, input_shape: [null, 1] });
    expectProblem(await call(app, 'POST', '/v1/sessions/old/steps', { inputs: [[1]] }), 'cell-gone');
    const stepped = await call(app, 'POST', '/v1/cells/cell/steps', { inputs: [[1]] });
    expect(stepped.body).toEqual({ output: [[1]], states: [[[1]]], cell_version: 1 });
    // The old session does not hold the new cell.
    expect((await call(app, 'DELETE', '/v1/cells/cell')).status).toBe(204);
  });

  it('names cells as Keras does, without a gap where one was refused', async () => {
    const { app } = served;
    const gru = { class_name: 'GRUCell', config: { units: 1 } };
    expect((await make(app, '/v1/cells', gru)).body.config.name).toBe('gru_cell');
    const refused = { ...gru, weights: { kernel: [[1]], recurrent_kernel: [[1]], bias: [1] } };
    expectProblem(await call(app, 'POST', '/v1/cells', refused), 'wrong-shape');
    expect((await make(app, '/v1/cells', gru)).body.config.name).toBe('gru_cell_1');
    const named = { ...gru, config: { units: 1, name: 'mine' } };
    expect((await make(app, '/v1/cells', named)).body.config.name).toBe('mine');
  });
});

onMemory('cells', (served) => {
  it('takes its own config back as a new, equal cell', async () => {
    const { app } = served;
    const lstm = { id: 'a', class_name: 'LSTMCell', config: { units: 2, recurrent_activation: 'hard_sigmoid' } };
    await make(app, '/v1/cells', { ...lstm, input_shape: [null, 3] });
    const config = await call(app, 'GET', '/v1/cells/a/config');
    expect(config.headers.etag).toBe('"1"');
    expect(Object.keys(config.body)).toEqual(['class_name', 'config']);
    const copy = await make(app, '/v1/cells', config.body);
    expect(copy.body.config).toEqual(config.body.config);
  });

  it("takes what Keras' serialize_keras_object prints", async () => {
    const { app } = served;
    const printed = {
      module: 'keras.layers',
      class_name: 'GRUCell',
      config: { name: 'g', units: 2, activation: 'tanh', reset_after: true },
      registered_name: null,
      build_config: { input_shape: [null, 3] },
    };
    const made = await make(app, '/v1/cells', printed);
    expect(made.body).toMatchObject({ built: true, input_shape: [null, 3], config: { name: 'g', units: 2 } });
  });

  it('makes a cell again, bit for bit, from its seeds', async () => {
    const { app } = served;
    const config = { units: 3, kernel_initializer: 'he_normal', bias_initializer: 'random_uniform' };
    const first = await make(app, '/v1/cells', { id: 'a', class_name: 'LSTMCell', config, input_shape: [null, 2] });
    const { initializer_seeds } = first.body;
    expect(Object.keys(initializer_seeds).sort()).toEqual(['bias', 'kernel', 'recurrent_kernel']);
    const again = { id: 'b', class_name: 'LSTMCell', config, input_shape: [null, 2], initializer_seeds };
    expect((await make(app, '/v1/cells', again)).body.initializer_seeds).toEqual(initializer_seeds);
    const others = { ...again, id: 'c', initializer_seeds: { ...initializer_seeds, kernel: 12345 } };
    await make(app, '/v1/cells', others);
    const [a, b, c] = await Promise.all(['a', 'b', 'c'].map((id) => call(app, 'GET', `/v1/cells/${id}/weights`)));
    expect(b.body.weights).toEqual(a.body.weights);
    expect(c.body.weights.kernel).not.toEqual(a.body.weights.kernel);
    expect(c.body.weights.bias).toEqual(a.body.weights.bias);
  });

  it('keeps the seed of an initializer that has one, and takes none beside it', async () => {
    const { app } = served;
    const config = { units: 2, kernel_initializer: { class_name: 'GlorotUniform', config: { seed: 7 } } };
    const cell = { class_name: 'SimpleRNNCell', config, input_shape: [null, 2] };
    const [a, b] = [await make(app, '/v1/cells', cell), await make(app, '/v1/cells', cell)];
    expect(a.body.initializer_seeds).not.toHaveProperty('kernel');
    const kernel = async (id: string) => (await call(app, 'GET', `/v1/cells/${id}/variables/kernel`)).body.value;
    expect(await kernel(a.body.id)).toEqual(await kernel(b.body.id));
    const reply = await call(app, 'POST', '/v1/cells', { ...cell, initializer_seeds: { kernel: 1 } });
    expect(expectProblem(reply, 'invalid-value').errors?.[0].pointer).toBe('/initializer_seeds/kernel');
  });

  it('is built by the weights it is made with', async () => {
    const { app } = served;
    const weights = { kernel: [[1], [2]], recurrent_kernel: [[3]], bias: [4] };
    const made = await make(app, '/v1/cells', { ...TUTORIAL_CELL, weights });
    expect(made.body).toMatchObject({ built: true, input_shape: [null, 2] });
    expect((await call(app, 'GET', '/v1/cells/cell/weights')).body.weights).toEqual(weights);
    const listed = await call(app, 'GET', '/v1/cells/cell/variables');
    expect(listed.body.items).toMatchObject([
      { name: 'kernel', value: [[1], [2]], dtype: 'float32', trainable: true, version: 1 },
      { name: 'recurrent_kernel', value: [[3]] },
      { name: 'bias', value: [4] },
    ]);
    const none = { ...TUTORIAL_CELL, id: 'none', weights: { bias: [1] } };
    expectProblem(await call(app, 'POST', '/v1/cells', none), 'invalid-value', /weights \(bias\).*input_shape/);
    const unfit = { ...TUTORIAL_CELL, id: 'unfit', weights, input_shape: [null, 5] };
    expectProblem(await call(app, 'POST', '/v1/cells', unfit), 'wrong-shape', /\[2,1\].*\[5,1\]/);
  });

  it('answers 304 to the version that the client has', async () => {
    const { app } = served;
    await make(app, '/v1/cells', { ...TUTORIAL_CELL, input_shape: [null, 1] });
    for (const path of ['', '/config', '/variables', '/weights', '/variables/bias']) {
      const url = `/v1/cells/cell${path}`;
      for (const tag of ['"1"', 'W/"1"', '"7", "1"', '*']) {
        const reply = await call(app, 'GET', url, undefined, { 'if-none-match': tag });
        expect(reply, `${url} ${tag}`).toMatchObject({ status: 304, text: '' });
        expect(reply.headers.etag).toBe('"1"');
      }
      expect((await call(app, 'GET', url, undefined, { 'if-none-match': '"2"' })).status).toBe(200);
    }
  });

  it('changes a cell only at the version that If-Match asks for', async () => {
    const { app } = served;
    await make(app, '/v1/cells', TUTORIAL_CELL);
    const stale = { 'if-match': '"7"' };
    const weights = { kernel: [[1]], recurrent_kernel: [[1]], bias: [1] };
    const build = { input_shape: [null, 1] };
    const refused = await call(app, 'POST', '/v1/cells/cell/build', build, stale);
    expectProblem(refused, 'version-mismatch', /version 1.*"7"/);
    expect(refused.headers.etag).toBe('"1"');
    expect((await call(app, 'POST', '/v1/cells/cell/build', build, { 'if-match': '"1"' })).status).toBe(200);
    expectProblem(await call(app, 'PUT', '/v1/cells/cell/weights', { weights }, stale), 'version-mismatch');
    expectProblem(await call(app, 'DELETE', '/v1/cells/cell', undefined, stale), 'version-mismatch');
    expect((await call(app, 'PUT', '/v1/cells/cell/weights', { weights }, { 'if-match': '"2"' })).status).toBe(200);
    expect((await call(app, 'PUT', '/v1/cells/cell/weights', { weights }, { 'if-match': '*' })).status).toBe(200);
    expect((await call(app, 'DELETE', '/v1/cells/cell', undefined, { 'if-match': '"4"' })).status).toBe(204);
    const made = await call(app, 'POST', '/v1/cells', TUTORIAL_CELL, { 'if-match': '"1"' });
    expectProblem(made, 'version-mismatch', /no version yet/);
  });

  it.each(['1', 'W/1', 'w/"1"', '"1', '1"', '"1" "2"', '"1", 2', '"1";"2"', '*, "1"', '"1", *', '**', ',', ''])(
    'refuses If-Match %s, which is not a list of ETags',
    async (header) => {
      const { app } = served;
      await make(app, '/v1/cells', TUTORIAL_CELL);
      const odd = expectProblem(
        await call(app, 'DELETE', '/v1/cells/cell', undefined, { 'if-match': header }),
        'invalid-header',
      );
      expect(odd.detail).toContain(`If-Match '${header}' is not a list`);
      expect(odd.errors?.[0].pointer).toBe('If-Match');
    },
  );

  it('takes If-Match with several ETags if one of them names the version', async () => {
    const { app } = served;
    await make(app, '/v1/cells', TUTORIAL_CELL);
    const weights = { kernel: [[1]], recurrent_kernel: [[1]], bias: [1] };
    await call(app, 'POST', '/v1/cells/cell/build', { input_shape: [null, 1] });
    const put = (header: string) => call(app, 'PUT', '/v1/cells/cell/weights', { weights }, { 'if-match': header });
    const lists = ['"2", "9"', '"9","3"', 'W/"4" ,\t"x", "4"', ', "5",, "a,b" ,', ' * '];
    for (const [i, header] of lists.entries()) {
      const { status, headers } = await put(header);
      expect([header, status, headers.etag]).toEqual([header, 200, `"${i + 3}"`]);
    }
    expectProblem(await put('"1", "2"'), 'version-mismatch', /version 7; If-Match asks for "1", "2"\.$/);
    expectProblem(await put('"1", W/"7"'), 'version-mismatch', /version 7; If-Match asks for "1", W\/"7"; a weak ETag/);
    const many = Array.from({ length: 200 }, (_, n) => `"${n + 100}"`).join();
    expectProblem(await put(many), 'version-mismatch', /asks for "100", .*…\.$/);
    expect((await put(`${many},"7"`)).status).toBe(200);
  });

  it('takes a weak ETag in If-Match for one that is equal to no version', async () => {
    const { app } = served;
    await make(app, '/v1/cells', TUTORIAL_CELL);
    const weak = { 'if-match': 'W/"1"' };
    const refused = await call(app, 'DELETE', '/v1/cells/cell', undefined, weak);
    expectProblem(refused, 'version-mismatch', /version 1.*weak/);
    expect(refused.headers.etag).toBe('"1"');
    expect((await call(app, 'GET', '/v1/cells/cell')).status).toBe(200);
    expectProblem(await call(app, 'DELETE', '/v1/cells/none', undefined, weak), 'not-found');
    expectProblem(await call(app, 'POST', '/v1/cells', { ...TUTORIAL_CELL, id: 'other' }, weak), 'version-mismatch');
  });

  it.each([
    ['an unknown class', { class_name: 'Dense' }, 'invalid-config', '/class_name', /Dense/],
    ['no units', { config: {} }, 'invalid-request', '/config/units', /units/],
    ['no positive units', { config: { units: 0 } }, 'invalid-config', '/config/units', /got 0/],
    ['too many units', { config: { units: 9000 } }, 'limit-exceeded', '/config/units', /9000.*8192/],
    [
      'an unknown activation',
      { config: { units: 1, activation: 'foo' } },
      'invalid-config',
      '/config/activation',
      /foo/,
    ],
    ['an unknown field of the config', { config: { units: 1, foo: 1 } }, 'invalid-request', '/config/foo', /'foo': 1/],
    ['an unknown field', { foo: 1 }, 'invalid-request', '/foo', /"foo"/],
    ['another framework', { framework: 'mxnet' }, 'invalid-request', '/framework', /mxnet/],
    ['no id', { id: 'a b' }, 'invalid-request', '/id', /a b/],
    ['too large an input', { input_shape: [null, 2 ** 31 - 1] }, 'limit-exceeded', '/input_shape', /16777216/],
  ] as const)('refuses a cell with %s', async (_, change, code, pointer, detail) => {
    const { app } = served;
    const cell = { class_name: 'LSTMCell', config: { units: 1 }, ...change };
    if ('input_shape' in change) cell.config = { units: 100 };
    const { errors = [] } = expectProblem(await call(app, 'POST', '/v1/cells', cell), code, detail);
    expect(errors[0]?.pointer).toBe(pointer);
    expect((await call(app, 'GET', '/v1/cells')).body.items).toEqual([]);
  });

  it('refuses an orthogonal matrix that would take minutes to draw', async () => {
    const { app } = served;
    const big = { class_name: 'SimpleRNNCell', config: { units: 3500 }, input_shape: [null, 1] };
    const reply = await call(app, 'POST', '/v1/cells', big);
    expectProblem(reply, 'limit-exceeded', /CELLSTEP_MAX_DRAW_WORK/);
  });
});
