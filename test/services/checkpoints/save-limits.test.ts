import { expect, it } from 'vitest';
import { Tensor } from '../../../src/domain/tensor.ts';
import { variableKey } from '../../../src/services/keys.ts';
import { encodeVariable } from '../../../src/services/variables/stand-alone-variables.ts';
import { openMemoryStore } from '../../../src/store/memory.ts';
import { startApp } from '../../support/app.ts';
import { call, expectProblem } from '../../support/call.ts';

it('saves no checkpoint that could not be restored, as it has too many tensors', async () => {
  const store = openMemoryStore();
  const app = await startApp({ store });
  const value = new Tensor('float32', [1], new Float32Array(1));
  const fill = (from: number, to: number) =>
    Promise.all(
      Array.from({ length: to - from }, (_, k) => {
        const id = `v${from + k}`;
        const times = { version: 1, created_at: 0, updated_at: 0 };
        const bytes = encodeVariable({ format: 1, id, trainable: true, ...times }, value);
        return store.commit([{ key: variableKey(id), expect: null, bytes }]);
      }),
    );
  await fill(0, 10_000);
  expect((await call(app, 'POST', '/v1/checkpoints', { id: 'c', all: true })).status).toBe(201);
  const restored = await call(app, 'POST', '/v1/checkpoints/c/restore', {});
  expect(restored.body.restored.variables).toHaveLength(10_000);
  await fill(10_000, 10_001);
  const refused = await call(app, 'POST', '/v1/checkpoints', { id: 'd', all: true });
  expectProblem(refused, 'limit-exceeded', /10001 tensors; at most 10000/);
  expect((await store.list('checkpoint', undefined, 10)).map(({ key }) => key.split('/')[1])).not.toContain('d');
  await app.close();
});
