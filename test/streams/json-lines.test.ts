import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { startApp, type TestApp } from '../support/app.ts';
import { call, make, TUTORIAL_CELL } from '../support/call.ts';
import { until } from '../support/until.ts';
import { LinesClient } from './client.ts';

describe('a stream of lines', () => {
  let app: TestApp;
  let url: string;

  beforeEach(async () => {
    app = await startApp();
    url = await app.listen({ host: '127.0.0.1', port: 0 });
    await make(app, '/v1/cells', { ...TUTORIAL_CELL, input_shape: [null, 1] });
    await make(app, '/v1/sessions', { id: 's', cell: 'cell' });
  });
  afterEach(() => app.close());

  it('answers each line as soon as it is carried out, while the client goes on', async () => {
    const client = new LinesClient(url);
    client.say({ id: 1, session: 's', inputs: [[2]] });
    await until(() => client.lines.length === 1);
    client.say('');
    client.say('nonsense');
    client.say({ id: 3, op: 'open', session: 't', cell: 'cell' });
    client.say({ id: 'end', session: 's', inputs: [[2]], key: 'k' });
    await until(() => client.lines.length === 4);
    client.request.end('{"id":"without a newline","session":"s","inputs":[[2]],"key":"k"}');
    await client.ended;
    expect(client.lines.map(({ id, status, step, replayed }) => [id, status, step, replayed])).toEqual([
      [1, 200, 1, undefined],
      [undefined, 400, undefined, undefined],
      [3, 400, undefined, undefined],
      ['end', 200, 2, undefined],
      ['without a newline', 200, 2, true],
    ]);
  });

  it('is looked at, and carried out, in the turns of its client', async () => {
    const turns: (() => void)[] = [];
    vi.spyOn(app.intake, 'take').mockImplementation((_client, begin) => void turns.push(begin));
    const client = new LinesClient(url);
    client.say({ id: 1, session: 's', inputs: [[2]] });
    await until(() => turns.length === 1);
    // The bytes, and then the line.
    turns.shift()?.();
    expect([client.lines, turns.length]).toEqual([[], 1]);
    turns.shift()?.();
    await until(() => client.lines.length === 1);
    client.request.end();
    await client.ended;
  });

  it('carries out a long line before those behind it', async () => {
    const client = new LinesClient(url);
    client.say(`{"id":1,"session":"s","inputs":[[2]]${' '.repeat(2 ** 18)}}`);
    client.say({ id: 2, session: 's', inputs: [[2]] });
    await until(() => client.lines.length === 2);
    expect(client.lines).toMatchObject([
      { id: 1, status: 200, step: 1 },
      { id: 2, status: 200, step: 2 },
    ]);
    client.request.end();
    await client.ended;
  });

  it('is refused as the body of another route', async () => {
    const reply = await call(app, 'POST', '/v1/sessions', '{}\n', { 'content-type': 'application/jsonl' });
    expect([reply.status, reply.body.code]).toEqual([415, 'unsupported-media-type']);
  });

  it('refuses a line that is too long, and goes on with the next', async () => {
    const client = new LinesClient(url);
    client.request.write(`{"session":"s","inputs":[[${'1'.repeat(17 * 2 ** 20)}`);
    client.say(']]}');
    client.say({ id: 2, session: 's', inputs: [[2]] });
    client.request.end();
    await client.ended;
    expect(client.lines.map(({ id, status }) => [id, status])).toEqual([
      [undefined, 413],
      [2, 200],
    ]);
  });

  it('ends with the service, after running requests are answered', async () => {
    const client = new LinesClient(url);
    for (let id = 0; id < 100; id++) client.say({ id, session: 's', inputs: [[1]] });
    await until(() => client.lines.length > 0);
    await app.close();
    await client.ended;
    expect(client.lines.map(({ step }) => step)).toEqual(client.lines.map((_, k) => k + 1));
  });
});
