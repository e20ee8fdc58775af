import { PassThrough } from 'node:stream';
import { expect, it } from 'vitest';
import { answerClientErrors } from '../../../src/http/connections/client-errors.ts';

it('answers what is no request when it is the turn of its address', () => {
  const taken: (readonly [string, () => void])[] = [];
  const intake = { take: (client: string, begin: () => void) => taken.push([client, begin]) };
  const socket = Object.assign(new PassThrough(), { remoteAddress: '127.0.0.9' });
  const answer = answerClientErrors(() => 'req_1');
  const app = { intake, log: { info: () => undefined }, refused: () => undefined };
  answer?.call(app as never, Object.assign(new Error(), { code: 'HPE_INVALID_METHOD' }) as never, socket as never);
  expect(socket.read()).toBeNull();
  expect(taken.map(([client]) => client)).toEqual(['address:127.0.0.9']);
  taken[0][1]();
  expect(`${socket.read()}`).toMatch(/^HTTP\/1.1 400 /);
});
