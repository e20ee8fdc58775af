import type { FastifyRequest } from 'fastify';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { Account } from '../../src/http/admission/in-flight.ts';
import { createCallers } from '../../src/http/callers/callers.ts';
import { fieldsForm, TEXT_FORM } from '../../src/streams/answer-form.ts';
import { Sender } from '../../src/streams/sender.ts';
import { startApp, type TestApp } from '../support/app.ts';
import { call, make, TUTORIAL_CELL } from '../support/call.ts';
import { StreamClient } from './client.ts';

describe('a message', () => {
  const account = new Account(1000);
  const server = { account, countRequest: vi.fn() };
  const identity = { name: 'a', tenant: 'acme', scopes: new Set() };
  const callers = createCallers();
  const sender = (signal = new AbortController().signal) =>
    new Sender({ server, identity, ip: '127.0.0.1' } as unknown as FastifyRequest, callers, signal);

  it('is carried out in the queues of its sender, and counts as one of its requests', async () => {
    const gone = new AbortController();
    const caller = await sender(gone.signal).carryOut(async () => callers.current(), TEXT_FORM);
    expect([caller.client, caller.signal]).toEqual(['tenant:acme', gone.signal]);
    expect(server.countRequest).toHaveBeenLastCalledWith('acme', 1);
    expect(callers.current().client).toBe('');
  });

  it('counts its result as large as the answer is: a file of tensors once, text three times', async () => {
    const counted = async () => {
      callers.current().holdResult(100);
      return account.held;
    };
    expect(await sender().carryOut(counted, fieldsForm({} as never))).toBe(100);
    expect(await sender().carryOut(counted, TEXT_FORM)).toBe(300);
  });

  it('holds bytes of its sender until it is answered, and no more than there is room for', async () => {
    const kept = sender().carryOut(async () => {
      callers.current().hold(700);
      expect([account.held, account.fits('tenant:acme', 10 ** 6)]).toEqual([700, false]);
      throw new Error('refused');
    }, TEXT_FORM);
    await expect(kept).rejects.toThrow('refused');
    expect(account.held).toBe(0);
    account.add('address:other', 2 ** 27);
    const refused = sender().carryOut(async () => callers.current().hold(700_000), TEXT_FORM);
    await expect(refused).rejects.toMatchObject({ code: 'overloaded' });
    expect(account.held).toBe(2 ** 27);
  });
});

describe('the limit of requests', () => {
  let app: TestApp;
  afterEach(() => app.close());

  it('counts each message of a call of many, of lines and of a socket', async () => {
    let requests = 0;
    const rateCounter = { count: async () => ({ count: ++requests, left: 700 }) };
    app = await startApp({ rateLimit: 8, rateCounter });
    const url = await app.listen({ host: '127.0.0.1', port: 0 });
    await make(app, '/v1/cells', { ...TUTORIAL_CELL, input_shape: [null, 1] });
    await make(app, '/v1/sessions', { id: 's', cell: 'cell' });
    const step = { session: 's', inputs: [[1]] };
    const statuses = (answers: readonly { status: number }[]) => answers.map(({ status }) => status);

    const { body } = await call(app, 'POST', '/v1/steps', { steps: [step, step] });
    expect([requests, statuses(body.results)]).toEqual([5, [200, 200]]);
    const type = { 'content-type': 'application/jsonl' };
    const lines = await fetch(`${url}/v1/steps`, { method: 'POST', headers: type, body: `${JSON.stringify(step)}\n` });
    const { status } = JSON.parse(await lines.text());
    expect([requests, status]).toEqual([7, 200]);
    const client = new StreamClient(url);
    await client.open();
    const answer = await client.ask({ id: 1, ...step });
    expect(answer).toMatchObject({ id: 1, status: 429, problem: { code: 'too-many-requests', retry_after: 1 } });
    expect(requests).toBe(9);
    client.socket.close();
  });
});
