import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { REDIS_SERVER } from '../../../scripts/redis-servers.ts';
import { startApp, type TestApp } from '../../support/app.ts';
import { STORES, type TestStore, temporaryRedis } from '../../support/stores.ts';
import { again, indices } from './options.ts';
import {
  carried,
  compute,
  drawn,
  ending,
  FORMATS,
  injected,
  inSession,
  make,
  SAFETENSORS,
  USUAL,
  wholeCall,
} from './service-paths.ts';

describe('every path through the service has the same bits', () => {
  let app: TestApp;
  let other: TestApp;
  const stores: (TestStore & { readonly name: string; readonly apps: readonly TestApp[] })[] = [];

  beforeAll(async () => {
    app = await startApp();
    other = await startApp({ run: 'b' });
    const all = [...STORES, ...(REDIS_SERVER ? [{ name: 'redis', open: temporaryRedis }] : [])];
    for (const { name, open } of all) {
      const { store, dispose } = await open();
      const apps = await Promise.all(['x', 'y'].map((run) => startApp({ store, run })));
      stores.push({ name, store, dispose, apps });
    }
  });

  afterAll(async () => {
    await Promise.all([app.close(), other.close()]);
    for (const { dispose, apps } of stores) {
      await Promise.all(apps.map((one) => one.close()));
      await dispose();
    }
  });

  it.each(indices(USUAL))('case %i', async (index) => {
    const { cell, run } = drawn[index];
    const id = `c${index}`;
    const body = { id, ...cell.body, input_shape: [null, cell.features] };
    const send = injected(app);
    await make(send, '/v1/cells', body);
    try {
      const wanted = await compute(send, wholeCall(id, run), 'base64');
      const last = ending(wanted, run);
      for (const format of FORMATS) {
        expect(await compute(send, wholeCall(id, run), format, wanted), format).toEqual(wanted);
        expect(await carried(send, id, run, format, last), `steps, ${format}`).toEqual(last);
      }
      expect(await inSession(send, id, `s${index}`, run, 'safetensors')).toEqual(last);

      // Saved as a file and loaded into a cell of another service.
      const file = await send('GET', `/v1/cells/${id}/weights`, undefined, { accept: SAFETENSORS });
      await make(injected(other), '/v1/cells', body);
      const loaded = await injected(other)('PUT', `/v1/cells/${id}/weights`, new Uint8Array(file.bytes), {
        'content-type': SAFETENSORS,
      });
      expect(loaded.status, loaded.bytes.toString()).toBe(200);
      expect(await compute(injected(other), wholeCall(id, run), 'base64')).toEqual(wanted);

      const weights = JSON.parse((await send('GET', `/v1/cells/${id}/weights`)).bytes.toString());
      for (const { name, apps } of stores) {
        const [first, second] = apps.map(injected);
        await make(first, '/v1/cells', { ...body, weights: weights.weights });
        // Each step is answered by another service on the store than the one before it.
        let steps = 0;
        const next = async () => (++steps % 2 === 0 ? first : second);
        expect(await inSession(first, id, `s${index}`, run, 'base64', next), name).toEqual(last);
      }
    } catch (error) {
      throw new Error(`${again(index)}: ${JSON.stringify({ cell, run })}`, { cause: error });
    }
  });
});
