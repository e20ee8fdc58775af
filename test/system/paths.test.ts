import { expect, it } from 'vitest';
import { again, indices } from '../properties/paths/options.ts';
import {
  compute,
  drawn,
  ending,
  inSession,
  make,
  type Send,
  USUAL,
  wholeCall,
} from '../properties/paths/service-paths.ts';
import { service, temporaryDirectory } from './support.ts';

/** Each request on a connection of its own, so that any of the processes may answer it. */
const fetched =
  (base: string): Send =>
  async (method, url, content, headers = {}) => {
    const body = content === undefined ? {} : { body: Buffer.from(content) };
    const reply = await fetch(base + url, { method, headers: { ...headers, connection: 'close' }, ...body });
    return { status: reply.status, bytes: Buffer.from(await reply.arrayBuffer()) };
  };

it('a session has the same bits in two processes with threads as a sequence has in one without', async () => {
  const one = fetched((await service({ CELLSTEP_STORE: 'memory:', CELLSTEP_THREADS: '0' })).url);
  const store = `lmdb:${temporaryDirectory()}`;
  const two = fetched((await service({ CELLSTEP_STORE: store, CELLSTEP_WORKERS: '2', CELLSTEP_THREADS: '1' })).url);
  for (const index of indices(USUAL)) {
    const { cell, run } = drawn[index];
    const id = `c${index}`;
    const body = { id, ...cell.body, input_shape: [null, cell.features] };
    await make(one, '/v1/cells', body);
    const { bytes } = await one('GET', `/v1/cells/${id}/weights`);
    await make(two, '/v1/cells', { ...body, weights: JSON.parse(bytes.toString()).weights });
    const wanted = await compute(one, wholeCall(id, run), 'base64');
    expect(await compute(two, wholeCall(id, run), 'safetensors'), again(index)).toEqual(wanted);
    expect(await inSession(two, id, `s${index}`, run, 'flat'), again(index)).toEqual(ending(wanted, run));
  }
});
