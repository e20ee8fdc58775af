import Fastify, { type FastifyInstance } from 'fastify';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { refuseUnderPressure } from '../../../src/http/admission/pressure.ts';
import { addChecks } from '../../../src/http/every-request.ts';

let app: FastifyInstance;
const measured = vi.fn();

beforeEach(async () => {
  app = Fastify();
  addChecks(app);
  await refuseUnderPressure(app, 100);
  app.memoryUsage = measured;
  app.get('/probe', { config: { access: 'open' } }, () => 'up');
  app.get('/work', () => 'done');
});
afterEach(() => app.close());

const measure = (eventLoopDelay: number, heapUsed = 0) => measured.mockReturnValue({ eventLoopDelay, heapUsed });

it('refuses requests while the event loop is late, but no probes', async () => {
  measure(101);
  expect(await app.inject('/work')).toMatchObject({ statusCode: 503 });
  expect((await app.inject('/work')).json().message).toMatch(/event loop is late by more than 100 ms/);
  expect((await app.inject('/probe')).body).toBe('up');
  measure(100);
  expect((await app.inject('/work')).body).toBe('done');
});

it('refuses requests while the heap is nearly full', async () => {
  measure(0, Number.MAX_SAFE_INTEGER);
  expect((await app.inject('/work')).json().message).toMatch(/heap is nearly full/);
});

it('refuses none where nothing was measured', async () => {
  measure(Number.POSITIVE_INFINITY, Number.MAX_SAFE_INTEGER);
  expect((await app.inject('/work')).body).toBe('done');
});
