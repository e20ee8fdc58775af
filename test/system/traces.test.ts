import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { until } from '../support/until.ts';
import { logLines, send, service } from './support.ts';

const TRACE = '0af7651916cd43dd8448eb211c80319c';
const PARENT = 'b7ad6b7169203331';

interface Span {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
}

/** A collector of OpenTelemetry that keeps the spans that it gets. */
async function collector() {
  const spans: Span[] = [];
  const resources: Record<string, string>[] = [];
  const sent: string[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk) => chunks.push(chunk));
    request.on('end', () => {
      sent.push(Buffer.concat(chunks).toString());
      const { resourceSpans } = JSON.parse(sent[sent.length - 1]);
      for (const { resource, scopeSpans } of resourceSpans) {
        resources.push(
          Object.fromEntries(
            resource.attributes.map((one: { key: string; value: { stringValue: string } }) => [
              one.key,
              one.value.stringValue,
            ]),
          ),
        );
        for (const scope of scopeSpans) spans.push(...scope.spans);
      }
      response.setHeader('content-type', 'application/json').end('{}');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  return { spans, resources, sent, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

test('a request is traced through its stages, under the trace that it came with', async () => {
  const { spans, resources, url: endpoint } = await collector();
  const { url, stdout } = await service({
    CELLSTEP_STORE: 'memory:',
    OTEL_EXPORTER_OTLP_ENDPOINT: endpoint,
    OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
    OTEL_BSP_SCHEDULE_DELAY: '100',
    OTEL_SERVICE_NAME: 'cellstep-in-a-test',
  });
  const cell = { id: 'c', class_name: 'SimpleRNNCell', config: { units: 1 }, input_shape: [null, 1] };
  expect((await send(url, '/v1/cells', cell)).status).toBe(201);
  expect((await send(url, '/v1/sessions', { id: 's', cell: 'c' })).status).toBe(201);
  const headers = { traceparent: `00-${TRACE}-${PARENT}-01` };
  expect((await send(url, '/v1/sessions/s/steps', { inputs: [[1]] }, headers)).status).toBe(200);
  // It ends after its stages, and is told after them.
  await until(() => spans.some(({ parentSpanId }) => parentSpanId === PARENT));
  const traced = spans.filter(({ traceId }) => traceId === TRACE);
  const root = traced.find(({ parentSpanId }) => parentSpanId === PARENT);
  expect(root).toBeDefined();
  const stages = traced.filter(({ parentSpanId }) => parentSpanId === root?.spanId).map(({ name }) => name);
  expect(stages.toSorted()).toEqual(['commit', 'compute', 'parse', 'queue']);
  expect(resources[0]['service.name']).toBe('cellstep-in-a-test');
  // What nobody asked for is not traced.
  expect(spans.every(({ name }) => !/sweep|healthz|metrics/.test(name))).toBe(true);

  const step = () => logLines(stdout()).find(({ route }) => route === '/v1/sessions/{session}/steps');
  await until(() => step() !== undefined);
  expect(step()).toMatchObject({ trace_id: TRACE });
  const metrics = await fetch(`${url}/metrics`, { headers: { accept: 'application/openmetrics-text; version=1.0.0' } });
  expect(metrics.headers.get('content-type')).toMatch(/^application\/openmetrics-text/);
  const text = await metrics.text();
  for (const name of ['cellstep_request_duration_seconds', 'cellstep_store_commit_duration_seconds']) {
    expect(text).toMatch(new RegExp(`^${name}_bucket\\{.*\\} \\d+ # \\{trace_id="${TRACE}"\\} `, 'm'));
  }
  expect(text.endsWith('# EOF\n')).toBe(true);
});

test('a trace has no key, no query, and nothing of a body', async () => {
  const { spans, sent, url: endpoint } = await collector();
  const { url, stdout } = await service({
    CELLSTEP_STORE: 'memory:',
    CELLSTEP_API_KEYS: 'secret-of-the-header',
    OTEL_EXPORTER_OTLP_ENDPOINT: endpoint,
    OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
    OTEL_BSP_SCHEDULE_DELAY: '100',
  });
  const headers = { authorization: 'Bearer secret-of-the-header', 'idempotency-key': 'secret-of-a-change' };
  const variable = { id: 'v', value: 1, comment: 'secret-of-the-body' };
  const path = '/v1/variables?access_token=secret-of-the-query';
  expect((await send(url, path, variable, headers)).status).toBe(400);
  expect((await send(url, path, variable, { authorization: 'Bearer secret-of-a-stranger' })).status).toBe(401);
  expect((await send(url, '/v1/variables', { id: 'v', initializer: 'secret-of-the-body' }, headers)).status).toBe(400);
  expect((await send(url, '/v1/variables', { id: 'v', value: 1 }, headers)).status).toBe(201);
  expect((await send(url, '/v1/variables', { id: 'v', value: 2 }, headers)).text).toContain('secret-of-a-change');
  await until(() => spans.filter(({ parentSpanId }) => !parentSpanId).length >= 5);
  for (const told of ['/v1/variables', 'idempotency-key-reused']) expect(sent.join('\n')).toContain(told);
  expect(sent.join('\n')).not.toContain('secret-of');
  expect(stdout()).not.toContain('secret-of');
});

test('without an exporter the trace of a request is in its log lines all the same', async () => {
  const { url, stdout } = await service({ CELLSTEP_STORE: 'memory:' });
  await fetch(`${url}/v1/cells`, { headers: { traceparent: `00-${TRACE}-${PARENT}-01` } });
  await fetch(`${url}/v1/cells`, { headers: { traceparent: 'nonsense' } });
  await until(() => logLines(stdout()).filter(({ route }) => route === '/v1/cells').length === 2);
  const lines = logLines(stdout()).filter(({ route }) => route === '/v1/cells');
  expect(lines.map(({ trace_id }) => trace_id)).toEqual([TRACE, undefined]);
});
