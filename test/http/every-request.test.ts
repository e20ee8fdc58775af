import Fastify, { type FastifyInstance } from 'fastify';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { addChecks } from '../../src/http/every-request.ts';

let app: FastifyInstance;
let seen: string[];

beforeEach(() => {
  app = Fastify();
  addChecks(app);
  seen = [];
  app.get('/', () => 'a reply');
});
afterEach(() => app.close());

it('checks a request, its body and its reply in their order, each in the order of the checks', async () => {
  const see = (what: string) => () => void seen.push(what) as undefined;
  app.beforeSending((_request, _reply, payload) => see(`payload ${payload}`)());
  app.checkBody(see('body'));
  app.check(see('first'));
  app.check(async () => see('second')());
  app.check(see('third'));
  expect((await app.inject('/')).body).toBe('a reply');
  expect(seen).toEqual(['first', 'second', 'third', 'body', 'payload a reply']);
});

it('ends at the first refusal', async () => {
  app.checkBody(() => new Error('no such body'));
  app.checkBody(() => void seen.push('body') as undefined);
  expect((await app.inject('/')).json().message).toBe('no such body');
  expect(seen).toEqual([]);
});

it('sends a refusal in place of a reply', async () => {
  app.beforeSending((_request, _reply, payload) => (payload === 'a reply' ? new Error('no room') : undefined));
  expect((await app.inject('/')).json().message).toBe('no room');
});
