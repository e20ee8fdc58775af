import type { IncomingMessage, ServerResponse } from 'node:http';
import { setImmediate as turn } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { Refusals } from '../../../src/http/admission/refusals.ts';
import { PROBLEM_FORM } from '../../../src/http/replies/problem-replies.ts';
import { Turns } from '../../../src/threads/turns.ts';

/** Time passes by a quarter of a millisecond whenever somebody looks. */
function clocks() {
  let now = 0;
  return {
    clock: () => {
      now += 0.25;
      return now;
    },
    processor: () => 0,
  };
}

it('refuses a burst of requests over several turns of the event loop, clients by turns', async () => {
  const answered: string[] = [];
  const turns = new Turns(() => 2, clocks());
  const refusals = new Refusals('too much', {
    newId: () => 'id',
    formOf: () => PROBLEM_FORM,
    shed: () => undefined,
    turns,
  });
  const refuse = (remoteAddress: string, destroyed = false) => {
    const request = { url: '/', method: 'GET', headers: {}, socket: { remoteAddress, destroyed } };
    const response = { writeHead: () => response, end: () => answered.push(remoteAddress) };
    refusals.answer(request as unknown as IncomingMessage, response as unknown as ServerResponse);
  };
  for (let k = 0; k < 100; k++) refuse('a');
  refuse('b');
  refuse('c', true);
  expect(answered.length).toBeLessThan(20);
  await turn();
  await turn();
  expect(answered).toContain('b');
  expect(answered.length).toBeLessThan(60);
  while (turns.isBusy) await turn();
  expect(answered.filter((address) => address === 'a')).toHaveLength(100);
  expect(answered).not.toContain('c');
});
