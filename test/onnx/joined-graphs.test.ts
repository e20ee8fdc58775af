import { expect, it } from 'vitest';
import { call, make } from '../support/call.ts';
import { patient } from '../support/onnx-models.ts';
import { sharedApp } from '../support/serve.ts';

const served = sharedApp();

it('refuses the one step that ends the process of the runtime, and takes those beside it', async () => {
  const { app } = served;
  const file = Buffer.from(patient());
  const headers = { 'content-type': 'application/x-onnx' };
  expect((await call(app, 'POST', '/v1/cells?graph=true&id=patient', file, headers)).status).toBe(201);
  await make(app, '/v1/sessions', { id: 's', cell: 'patient' });
  const steps = Array.from({ length: 8 }, (_, k) => ({ session: 's', inputs: [[k === 4 ? 9e15 : 1, 0]] }));
  const { body } = await call(app, 'POST', '/v1/steps', { steps });
  const told = body.results.map(({ step, problem }: Record<string, { code: string }>) => step ?? problem?.code);
  expect(told).toEqual([1, 2, 3, 4, 'limit-exceeded', 5, 6, 7]);
  expect((await call(app, 'GET', '/v1/sessions/s')).body).toMatchObject({ step: 7, states: [[[7, 0]]] });
});
