import { expect, test } from 'vitest';
import { logLines, RawConnection, send, service } from './support.ts';

const KEYS = ['first-key-of-operators', 'second-key-of-operators'];

test('keys open a service that others can reach, and nothing else does', async () => {
  const { url } = await service({ CELLSTEP_HOST: '0.0.0.0', CELLSTEP_API_KEYS: KEYS.join(',') });
  const base = url.replace('0.0.0.0', '127.0.0.1');
  for (const authorization of [undefined, '', 'Bearer', `Basic ${KEYS[0]}`, `Bearer ${KEYS[0]}x`, `Bearer ${KEYS}`]) {
    const answer = await send(base, '/v1/cells', undefined, authorization === undefined ? {} : { authorization });
    expect(answer.status, authorization).toBe(401);
    expect(answer.headers.get('www-authenticate')).toBe('Bearer');
    expect(JSON.parse(answer.text)).toMatchObject({ code: 'unauthorized' });
  }
  for (const key of KEYS) {
    expect((await send(base, '/v1/cells', undefined, { authorization: `Bearer ${key}` })).status).toBe(200);
  }
  for (const open of ['/healthz', '/readyz', '/problems/unauthorized']) {
    expect((await send(base, open)).status, open).toBe(200);
  }
  for (const closed of ['/nothing', '/v1/nothing', '/healthzz', '//healthz', '/v1/cells?x=/healthz']) {
    expect((await send(base, closed)).status, closed).toBe(401);
  }
});

test('the log is one JSON object a line, with the request ids that clients are told, and no secrets', async () => {
  const [key] = KEYS;
  const started = await service({ CELLSTEP_API_KEYS: key, CELLSTEP_LOG_LEVEL: 'trace' });
  const secret = 'a-value-that-nobody-shall-read';
  const authorization = `Bearer ${key}`;
  const ids: string[] = [];
  const problem = async (path: string, body: unknown, headers: Record<string, string>) => {
    const { status, text } = await send(started.url, path, body, headers);
    expect(status).toBeGreaterThanOrEqual(400);
    ids.push(JSON.parse(text).request_id);
  };
  await problem('/v1/cells', { id: secret, class_name: 'GRUCell', config: { units: secret } }, { authorization });
  await problem('/v1/cells', { [secret]: secret }, { authorization });
  await problem('/v1/ops/tanh', { inputs: [secret] }, { authorization });
  await problem('/v1/cells', {}, { authorization: `Bearer ${secret}` });
  await problem('/v1/variables', { value: 1 }, { authorization, 'idempotency-key': `${secret} and more` });
  const broken = new RawConnection(started.url).write(
    `POST /v1/cells HTTP/1.1\r\nhost: localhost\r\n${secret}\r\n\r\n`,
  );
  ids.push(JSON.parse((await broken.ended).split('\r\n\r\n')[1]).request_id);
  await send(started.url, '/v1/variables', { id: 'v', dtype: 'int32', value: 31415926 }, { authorization });
  const { code } = await started.stop();
  expect(code).toBe(0);
  expect(started.stderr()).toBe('');

  const lines = logLines(started.stdout());
  const logged = new Set(lines.map(({ reqId }) => reqId));
  for (const id of ids) {
    expect(id).toMatch(/^req_[0-9a-f-]{36}$/);
    expect(logged).toContain(id);
  }
  for (const line of lines) expect(line).toMatchObject({ level: expect.any(Number), msg: expect.any(String) });
  for (const hidden of [secret, key, '31415926']) expect(started.stdout()).not.toContain(hidden);
});
