import { expect, it } from 'vitest';
import { call, make } from '../support/call.ts';
import { onEveryStore } from '../support/serve.ts';

onEveryStore('a step', (served) => {
  it('reads one version of all variables, while others put weights', async () => {
    const { app } = served;
    const config = { units: 1, activation: 'linear' };
    // x = 1, h = 1 gives 1 + 10 + 100 with one set and 2 + 20 + 200 with the other; a mixture gives something else.
    const sets = [
      { kernel: [[1]], recurrent_kernel: [[10]], bias: [100] },
      { kernel: [[2]], recurrent_kernel: [[20]], bias: [200] },
    ];
    await make(app, '/v1/cells', { id: 'cell', class_name: 'SimpleRNNCell', config, weights: sets[0] });
    await make(app, '/v1/sessions', { id: 's', cell: 'cell', initial_state: [[[1]]] });
    let putting = true;
    const put = (async () => {
      for (let i = 1; i <= 60; i++) {
        const { status } = await call(app, 'PUT', '/v1/cells/cell/weights', { weights: sets[i % 2] });
        expect(status).toBe(200);
      }
      putting = false;
    })();
    const byVersion = new Map<number, number>();
    const note = (output: number, version: number) => {
      expect([111, 222]).toContain(output);
      expect(byVersion.get(version) ?? output).toBe(output);
      byVersion.set(version, output);
    };
    while (putting) {
      const { body } = await call(app, 'POST', '/v1/cells/cell/steps', { inputs: [[1]], states: [[[1]]] });
      note(body.output[0][0], body.cell_version);
      const [stepped] = await Promise.all([
        call(app, 'POST', '/v1/sessions/s/steps', { inputs: [[1]] }),
        call(app, 'GET', '/v1/cells/cell/weights').then((read) => {
          expect(sets).toContainEqual(read.body.weights);
        }),
      ]);
      note(stepped.body.output[0][0], stepped.body.cell_version);
      await call(app, 'PUT', '/v1/sessions/s/states', { states: [[[1]]] });
    }
    await put;
    // While they race, the steps may happen to see one set only; which one comes last is certain.
    for (const set of [1, 0]) {
      await call(app, 'PUT', '/v1/cells/cell/weights', { weights: sets[set] });
      const { body } = await call(app, 'POST', '/v1/cells/cell/steps', { inputs: [[1]], states: [[[1]]] });
      expect(body.output).toEqual([[[111, 222][set]]]);
      note(body.output[0][0], body.cell_version);
    }
  });
});
