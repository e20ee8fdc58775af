import { connect } from 'node:net';
import { expect, it } from 'vitest';
import { createMetrics } from '../../../src/http/observability/metrics.ts';
import { metricsText } from '../../../src/http/observability/metrics-text.ts';
import { createSupervisorMetrics } from '../../../src/http/observability/supervisor-metrics.ts';
import { TenantLabels } from '../../../src/http/observability/usage-metrics.ts';
import { startApp } from '../../support/app.ts';
import { call } from '../../support/call.ts';
import { eventually } from '../../support/until.ts';

const KEY = 'k'.repeat(16);
const CELL = { id: 'cell-of-mine', class_name: 'LSTMCell', config: { units: 2 }, input_shape: [null, 1] };

/** Every sample of a page by its name and labels, the worker's left out. */
function samplesOf(page: string): Map<string, number> {
  const samples = new Map<string, number>();
  for (const line of page.split('\n')) {
    if (line === '' || line.startsWith('#')) continue;
    const [, name, labels = '', value] = /^([a-z_]+)(?:\{(.*)\})? (\S+)$/.exec(line) ?? [];
    expect(name, line).toBeDefined();
    samples.set(`${name}{${labels.replace(/,?worker="1"/, '')}}`, Number(value));
  }
  return samples;
}

async function pageOf(app: Awaited<ReturnType<typeof startApp>>): Promise<string> {
  const { status, text, headers } = await call(app, 'GET', '/metrics');
  expect(status).toBe(200);
  expect(headers['content-type']).toBe('text/plain; version=0.0.4; charset=utf-8');
  return text;
}

it('counts and times requests, batches, steps and commits', async () => {
  const app = await startApp();
  await call(app, 'POST', '/v1/cells', CELL);
  for (const id of ['a', 'b', 'c']) await call(app, 'POST', '/v1/sessions', { id, cell: CELL.id });
  const steps = ['a', 'b', 'c'].map((id) => call(app, 'POST', `/v1/sessions/${id}/steps`, { inputs: [[1]] }));
  await Promise.all(steps);
  await call(app, 'POST', `/v1/cells/${CELL.id}/sequences`, { inputs: [[[1], [2]]] });
  await call(app, 'GET', '/v1/sessions/nobody');
  await call(app, 'GET', '/no/such/path');
  const samples = samplesOf(await pageOf(app));
  const requests = 'cellstep_request_duration_seconds_count';
  expect(samples.get(`${requests}{method="POST",route="/v1/sessions/{session}/steps",status="200"}`)).toBe(3);
  expect(samples.get(`${requests}{method="POST",route="/v1/sessions",status="201"}`)).toBe(3);
  expect(samples.get(`${requests}{method="GET",route="/v1/sessions/{session}",status="404"}`)).toBe(1);
  expect(samples.get(`${requests}{method="GET",route="none",status="404"}`)).toBe(1);
  expect(samples.get('cellstep_requests_running{}')).toBe(1);
  expect(samples.get('cellstep_batch_size_rows_sum{}')).toBe(3);
  // They came in one turn, so they wait as one.
  expect(samples.get('cellstep_batch_queue_seconds_count{}')).toBeGreaterThanOrEqual(1);
  expect(samples.get('cellstep_step_duration_seconds_count{kind="sequence",place="loop"}')).toBe(1);
  expect(samples.get('cellstep_store_commit_duration_seconds_count{outcome="committed"}')).toBeGreaterThanOrEqual(7);
  expect(samples.get('cellstep_info{version="0.1.0"}')).toBe(1);
  await app.close();
});

it('has what alerts wait for before it happens: faults and dead workers', async () => {
  const app = await startApp();
  expect(samplesOf(await pageOf(app)).get('cellstep_refusals_total{code="internal-error"}')).toBe(0);
  await app.close();
  const supervisor = createSupervisorMetrics();
  supervisor.up(2, true);
  expect(await metricsText([await supervisor.snapshot()], 'prometheus')).toContain(
    'cellstep_worker_deaths_total{worker="2"} 0\n',
  );
});

it('counts no request as running whose client has gone', async () => {
  const app = await startApp();
  const { port } = new URL(await app.listen({ host: '127.0.0.1', port: 0 }));
  const socket = connect(Number(port), '127.0.0.1');
  socket.write(
    'POST /v1/cells HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{',
  );
  const running = async () => samplesOf(await pageOf(app)).get('cellstep_requests_running{}');
  await eventually(async () => expect(await running()).toBe(2));
  socket.destroy();
  await eventually(async () => expect(await running()).toBe(1));
  await app.close();
});

it('counts unreadable requests and wrong handshakes among the refusals', async () => {
  const app = await startApp();
  const { port } = new URL(await app.listen({ host: '127.0.0.1', port: 0 }));
  const upgrade = 'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 99\r\n';
  const handshake = `GET /v1/stream HTTP/1.1\r\nHost: localhost\r\n${upgrade}Sec-WebSocket-Protocol: cellstep.v1\r\n\r\n`;
  for (const text of ['nonsense\r\n\r\n', handshake]) {
    connect(Number(port), '127.0.0.1')
      .on('error', () => undefined)
      .end(text);
  }
  const refusals = async () => samplesOf(await pageOf(app)).get('cellstep_refusals_total{code="bad-request"}');
  await eventually(async () => expect(await refusals()).toBe(2));
  await app.close();
});

it('has as many lines after a thousand ids as after one', async () => {
  const app = await startApp();
  const visit = async (id: string) => {
    await call(app, 'GET', `/v1/sessions/${id}`);
    await call(app, 'POST', `/v1/cells/${id}/steps`, { inputs: [[1]] });
    await call(app, 'GET', `/somewhere/${id}`);
  };
  await visit('first');
  await pageOf(app);
  const before = [...samplesOf(await pageOf(app)).keys()];
  for (let k = 0; k < 1000; k++) await visit(`id-${k}`);
  const page = await pageOf(app);
  expect([...samplesOf(page).keys()]).toEqual(before);
  expect(page).not.toContain('id-');
  await app.close();
});

it('is for those who have a key, as the data are', async () => {
  const app = await startApp({ apiKeys: [KEY] });
  expect((await call(app, 'GET', '/metrics')).status).toBe(401);
  expect((await call(app, 'GET', '/metrics', undefined, { authorization: `Bearer ${KEY}` })).status).toBe(200);
  await app.close();
});

it('shows every process of a service by its number, its own metrics among them', async () => {
  const processes = [1, 2].map((worker) => createMetrics({ worker, ofProcess: worker === 1 }));
  processes[1].committed('conflict', 0.2);
  const page = await metricsText(await Promise.all(processes.map((one) => one.snapshot())), 'prometheus');
  expect(page).toMatch(/^cellstep_store_commit_duration_seconds_count\{outcome="conflict",worker="2"\} 1$/m);
  expect(page).toMatch(/^cellstep_requests_running\{worker="1"\} 0$/m);
  expect(page).toMatch(/^cellstep_requests_running\{worker="2"\} 0$/m);
  for (const name of [
    'process_resident_memory_bytes',
    'nodejs_eventloop_lag_p99_seconds',
    'process_start_time_seconds',
  ]) {
    expect(page).toMatch(new RegExp(`^${name}\\{worker="1"\\} [0-9.e+-]+$`, 'm'));
  }
});

it('gives a hundred tenants a label of their own, and the others one together', () => {
  const labels = new TenantLabels();
  const given = new Set(Array.from({ length: 500 }, (_, n) => labels.of(`tenant${n}`)));
  expect(given.size).toBe(101);
  expect([labels.of('tenant0'), labels.of('tenant499')]).toEqual(['tenant0', '(others)']);
});

it('shows what is stored, who works, and who was refused why', async () => {
  const app = await startApp({ quotas: { cells: 1 } });
  await call(app, 'POST', '/v1/cells', CELL);
  await call(app, 'POST', '/v1/sessions', { id: 'a', cell: CELL.id });
  await call(app, 'POST', '/v1/sessions/a/steps', { inputs: [[1]] });
  await call(app, 'POST', '/v1/cells', { ...CELL, id: 'more' });
  await call(app, 'GET', '/v1/cells/none');
  const samples = samplesOf(await pageOf(app));
  expect(samples.get('cellstep_stored_things{kind="session",tenant="default"}')).toBe(1);
  expect(samples.get('cellstep_stored_bytes{tenant="default"}')).toBeGreaterThan(100);
  expect(samples.get('cellstep_tenant_requests_total{tenant="default"}')).toBe(6);
  expect(samples.get('cellstep_tenant_work_total{tenant="default"}')).toBeGreaterThan(1_000);
  expect(samples.get('cellstep_refusals_total{code="not-found"}')).toBe(1);
  expect(samples.get('cellstep_quota_refusals_total{tenant="default",quota="cells"}')).toBe(1);
  expect(samples.get('cellstep_in_flight_limit_bytes{}')).toBe(2 ** 28);
  await app.close();
});
