import { join } from 'node:path';
import { expect, it } from 'vitest';
import { LinesClient } from '../../streams/client.ts';
import { accumulator } from '../../support/onnx-models.ts';
import { until } from '../../support/until.ts';
import { chooseSeed, createRandom } from '../../torture/random.ts';
import { send, service, temporaryDirectory } from '../support.ts';

const STEPS = 400;
/** Lines that are under way: most are joined, so that a kill hits steps that are computed or committed together. */
const AHEAD = 48;

it('loses and repeats no step of a session of a graph whose process is killed in a stream', async () => {
  const random = createRandom(chooseSeed());
  const settings = { CELLSTEP_STORE: `lmdb:${join(temporaryDirectory(), 'data')}` };
  let [answered, kills, replayed] = [0, 0, 0];
  while (answered < STEPS) {
    const started = await service(settings);
    if (kills === 0) await open(started.url);
    const client = new LinesClient(started.url);
    const first = answered;
    // What comes after these is lost on its way to the client.
    const last = Math.min(STEPS, first + random.integer(40, 130));
    let sent = first;
    const sendUpTo = (end: number) => {
      for (; sent < Math.min(STEPS, end); sent++) {
        client.say({ id: sent, key: `step-${sent}`, session: 's', inputs: [[sent, 1]] });
      }
    };
    while (answered < last) {
      sendUpTo(answered + AHEAD);
      await until(() => client.lines.length > answered - first);
      for (const line of client.lines.slice(answered - first, last - first)) {
        // The sum of all before it, and how many they are: each was taken once, and in order.
        const sums = [(answered * (answered + 1)) / 2, answered + 1];
        expect(line).toMatchObject({ id: answered, status: 200, step: answered + 1, output: [sums] });
        if (line.replayed) replayed++;
        answered++;
      }
    }
    // One of those at least is taken.
    sendUpTo(last + 1);
    if (last < STEPS) await until(() => client.lines.length > last - first);
    await started.stop('SIGKILL');
    kills++;
  }
  expect(kills).toBeGreaterThan(3);
  expect(replayed).toBeGreaterThan(0);
  const { url } = await service(settings);
  const { step, states } = JSON.parse((await send(url, '/v1/sessions/s')).text);
  expect([step, states]).toEqual([STEPS, [[[(STEPS * (STEPS - 1)) / 2, STEPS]], [[STEPS]]]]);
});

async function open(url: string): Promise<void> {
  const query = new URLSearchParams({ graph: 'true', id: 'sum', constants: '{"gain":1}' });
  const headers = { 'content-type': 'application/x-onnx' };
  const made = await fetch(`${url}/v1/cells?${query}`, { method: 'POST', headers, body: Buffer.from(accumulator()) });
  expect(made.status, await made.text()).toBe(201);
  expect((await send(url, '/v1/sessions', { id: 's', cell: 'sum' })).status).toBe(201);
}
