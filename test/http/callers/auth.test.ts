import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { keysCommand } from '../../../src/cli/keys.ts';
import { Issuer } from '../../access/issuer.ts';
import { startApp, type TestApp, TestClock } from '../../support/app.ts';
import { call, expectProblem, type Method, TUTORIAL_CELL } from '../../support/call.ts';
import { eventually } from '../../support/until.ts';

describe('keys and tokens', () => {
  const clock = new TestClock();
  let directory: string;
  let file: string;
  let app: TestApp;
  let written: string[];
  const lines = () => written.join('');
  const command = (line: string) => keysCommand(line.split(' '), { CELLSTEP_KEYS_FILE: file }, clock.now);
  const make = (line: string) => `${command(`create ${line}`).stdout}`;
  const as = (credential: string, method: Method, url: string, body?: unknown) =>
    call(app, method, url, body, { authorization: `Bearer ${credential}` });

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'cellstep-auth-'));
    file = join(directory, 'keys.json');
    written = [];
  });
  afterEach(async () => {
    await app.close();
    rmSync(directory, { recursive: true });
  });
  async function start(gate: Parameters<typeof startApp>[0] = {}): Promise<void> {
    const logger = pino({ level: 'trace' }, { write: (line: string) => written.push(line) });
    app = await startApp({
      clock,
      logger,
      gate: { keysFile: file, ...gate.gate },
      ...(gate.apiKeys ? { apiKeys: gate.apiKeys } : {}),
    });
  }

  it('let in to the routes of their scopes, and to no others', async () => {
    const keys = Object.fromEntries(
      ['read', 'step', 'write', 'admin'].map((scope) => [scope, make(`${scope} --scopes ${scope}`)]),
    );
    await start();
    const requests: readonly [string, Method, string, unknown?][] = [
      ['write', 'POST', '/v1/cells', TUTORIAL_CELL],
      ['read', 'GET', '/v1/cells/cell'],
      ['step', 'POST', '/v1/sessions', { id: 's', cell: 'cell' }],
      ['step', 'POST', '/v1/ops/tanh', { inputs: [0] }],
      ['admin', 'GET', '/metrics'],
    ];
    for (const [scope, method, url, body] of requests) {
      for (const other of Object.keys(keys).filter((name) => name !== scope)) {
        const refused = await as(keys[other], method, url, body);
        expectProblem(refused, 'insufficient-scope', new RegExp(`needs the scope ${scope}; '${other}' has ${other}`));
        expect(refused.headers['www-authenticate']).toBe(`Bearer error="insufficient_scope", scope="${scope}"`);
      }
      expect((await as(keys[scope], method, url, body)).status).toBeLessThan(300);
    }
  });

  it('come and go with the file of keys, without a restart', async () => {
    const first = make('first');
    await start();
    expect((await as(first, 'GET', '/v1/cells')).status).toBe(200);
    const second = make('second');
    const status = async (key: string) => (await as(key, 'GET', '/v1/cells')).status;
    await eventually(async () => expect(await status(second)).toBe(200));
    command('revoke first');
    await eventually(async () => expect(await status(first)).toBe(401));
    expect(await status(second)).toBe(200);
  });

  it('let in side by side', async () => {
    const issuer = await new Issuer().start();
    await issuer.addKey('one');
    const key = make('ci');
    const fixed = 'a-key-of-the-environment';
    await start({ apiKeys: [fixed], gate: { tokens: issuer.rules() } });
    const token = await issuer.sign('one', clock.now);
    for (const credential of [key, fixed, token]) expect((await as(credential, 'GET', '/v1/cells')).status).toBe(200);
    expectProblem(await as(token, 'POST', '/v1/cells', TUTORIAL_CELL), 'insufficient-scope', /'ada' has read/);
    const expired = await as(await issuer.sign('one', clock.now - 3_600_000), 'GET', '/v1/cells');
    expectProblem(expired, 'unauthorized', /has expired/);
    expect(expired.headers['www-authenticate']).toBe('Bearer');
    issuer.close();
  });

  it('name who made each change in the log, and are never in it themselves', async () => {
    const key = make('ci --tenant default');
    const reader = make('reader --scopes read');
    await start();
    await as(key, 'POST', '/v1/cells', TUTORIAL_CELL);
    await as(key, 'POST', '/v1/cells', TUTORIAL_CELL);
    await as(reader, 'DELETE', '/v1/cells/cell');
    await call(app, 'DELETE', '/v1/cells/cell');
    await as(key, 'POST', '/v1/cells/cell/steps', { inputs: [[1]] });
    await as(key, 'GET', '/v1/cells');
    const audits = lines()
      .split('\n')
      .filter((line) => line.includes('"audit"'))
      .map((line) => JSON.parse(line).audit);
    expect(audits).toEqual([
      { who: 'ci', tenant: 'default', what: 'createCell', ids: { made: '/v1/cells/cell' }, outcome: 'done 201' },
      { who: 'ci', tenant: 'default', what: 'createCell', ids: {}, outcome: 'refused 409' },
      { who: 'reader', tenant: 'default', what: 'deleteCell', ids: { cell: 'cell' }, outcome: 'not let in 403' },
      { who: 'nobody', tenant: '', what: 'deleteCell', ids: { cell: 'cell' }, outcome: 'not let in 401' },
    ]);
    for (const secret of [key, reader]) expect(lines()).not.toContain(secret.slice(9));
  });
});
