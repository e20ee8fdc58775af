import { type AddressInfo, connect } from 'node:net';
import { pino } from 'pino';
import { expect, it, onTestFinished } from 'vitest';
import { openMemoryStore } from '../../../src/store/memory.ts';
import { StreamClient } from '../../streams/client.ts';
import { startApp } from '../../support/app.ts';
import { call, TUTORIAL_CELL } from '../../support/call.ts';
import { hangUpAtCommit } from '../../support/hang-up.ts';
import { TestKeys } from '../../support/keys.ts';
import { eventually } from '../../support/until.ts';

const CELL = { ...TUTORIAL_CELL, input_shape: [null, 1] };

/** A service whose log has an audit, with a key of the tenant acme. */
async function start(store = openMemoryStore()) {
  const keys = new TestKeys();
  const key = keys.make('ci --tenant acme');
  const lines: string[] = [];
  const logger = pino({}, { write: (line: string) => void lines.push(line) });
  const app = await startApp({ store, logger, gate: { keysFile: keys.file } });
  onTestFinished(async () => {
    await app.close();
    keys.remove();
  });
  const url = await app.listen({ host: '127.0.0.1', port: 0 });
  const audits = () => lines.map((line) => JSON.parse(line).audit).filter((audit) => audit !== undefined);
  return { app, url, key, headers: { authorization: `Bearer ${key}` }, audits };
}

const acme = { who: 'ci', tenant: 'acme' };

it('has the change of a client that went away before its reply', async () => {
  const store = openMemoryStore();
  const { app, key, audits } = await start(store);
  const { port } = app.server.address() as AddressInfo;
  hangUpAtCommit(app, store, () => client);
  const body = JSON.stringify(CELL);
  const client = connect(port, '127.0.0.1', () =>
    client.write(
      `POST /v1/cells HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${key}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    ),
  );
  await eventually(() =>
    expect(audits()).toEqual([{ ...acme, what: 'createCell', ids: { made: '/v1/cells/cell' }, outcome: 'done 201' }]),
  );
});

it('has each change that a message of a socket asks for, and no other message', async () => {
  const { app, url, headers, audits } = await start();
  await call(app, 'POST', '/v1/cells', CELL, headers);
  const before = audits().length;
  const client = new StreamClient(url, headers);
  await client.open();
  const messages = [
    { op: 'open', cell: 'cell', session: 's', history: 9 },
    { session: 's', inputs: [[1]], key: 'k' },
    { session: 's', inputs: [[1]], key: 'k' },
    { op: 'step', session: 's', inputs: [[1]], trace: true },
    { op: 'subscribe', session: 's' },
    { op: 'fork', session: 's', new_session: 't', at_step: 1 },
    { op: 'rewind', session: 's', to_step: 1 },
    { op: 'reset', session: 's' },
    { op: 'close', session: 't' },
    { session: 'none', inputs: [[1]] },
    { op: 'nothing' },
  ];
  for (const [id, message] of messages.entries()) await client.ask({ id, ...message });
  const step = { ...acme, what: 'stepSession', ids: { session: 's' } };
  expect(audits().slice(before)).toEqual([
    { ...acme, what: 'openSession', ids: { made: '/v1/sessions/s' }, outcome: 'done 201' },
    { ...step, outcome: 'done 200' },
    { ...step, outcome: 'replayed 200' },
    { ...step, outcome: 'done 200' },
    { ...acme, what: 'forkSession', ids: { session: 's', made: '/v1/sessions/t' }, outcome: 'done 201' },
    { ...acme, what: 'rewindSession', ids: { session: 's' }, outcome: 'done 200' },
    { ...acme, what: 'resetSession', ids: { session: 's' }, outcome: 'done 200' },
    { ...acme, what: 'deleteSession', ids: { session: 't' }, outcome: 'done 204' },
    { ...acme, what: 'stepSession', ids: { session: 'none' }, outcome: 'refused 404' },
  ]);
});

it.each(['application/json', 'application/x-safetensors'])(
  'has each step of a call of many that is answered as %s',
  async (accept) => {
    const { app, headers, audits } = await start();
    await call(app, 'POST', '/v1/cells', CELL, headers);
    for (const id of ['s', 't']) await call(app, 'POST', '/v1/sessions', { id, cell: 'cell' }, headers);
    const before = audits().length;
    const steps = ['s', 't', 'none'].map((session) => ({ session, inputs: [[1]] }));
    await call(app, 'POST', '/v1/steps', { steps }, { ...headers, accept });
    const line = (session: string, outcome: string) => ({ ...acme, what: 'stepSession', ids: { session }, outcome });
    const made = audits().slice(before);
    expect(made).toHaveLength(4);
    expect(made).toEqual(
      expect.arrayContaining([
        line('s', 'done 200'),
        line('t', 'done 200'),
        line('none', 'refused 404'),
        { ...acme, what: 'stepSessions', ids: {}, outcome: 'done 200' },
      ]),
    );
  },
);
