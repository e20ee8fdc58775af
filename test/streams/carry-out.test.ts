import { expect, it, vi } from 'vitest';
import { NestedNumbers } from '../../schemas/nested-numbers.ts';
import { Problem } from '../../src/domain/problems.ts';
import { TEXT_FORM } from '../../src/streams/answer-form.ts';
import { type Call, Messages } from '../../src/streams/carry-out.ts';
import type { MessageHandler } from '../../src/streams/message-handler.ts';

const step = (id: number, key?: string) => ({
  id,
  session: `s${id}`,
  inputs: new NestedNumbers([1, 1], Float64Array.of(1)),
  ...(key === undefined ? {} : { key }),
});

function carryOut(handler: MessageHandler, sender: Partial<Call['sender']>, answered = vi.fn()) {
  const running = new Map();
  const messages = new Messages(new Map([['step', handler]]), 'acme', running);
  const log = { error: vi.fn() };
  const call: Call = {
    url: '/v1/steps',
    id: 'r',
    log,
    refused: () => undefined,
    sender: { isRated: false, carryOut: (act) => act(), ...sender },
  };
  const sent = [step(1), step(2, 'k'), { id: 3, op: 'none' }, step(4)];
  messages.carryOutAll(sent, { form: TEXT_FORM, call }, (place, text) => answered(place, JSON.parse(text)));
  return { answered, running, log };
}

const settled = () => new Promise((resolve) => setImmediate(resolve));
const noStep = async (): Promise<never> => {
  throw new Error('not asked');
};

it('answers every step of a group that cannot be carried out, and lets their keys go', async () => {
  const act = noStep;
  const refuse = async () => {
    throw new Problem('too-many-requests', 'Too many.');
  };
  const { answered, running } = carryOut({ act, actAll: async () => undefined }, { carryOut: refuse });
  await settled();
  const statuses = answered.mock.calls.map(([place, { id, status }]) => [place, id, status]);
  expect(statuses.sort()).toEqual([
    [0, 1, 429],
    [1, 2, 429],
    [2, 3, 400],
    [3, 4, 429],
  ]);
  expect(running.size).toBe(0);
});

it('answers a step once, also if its group fails after it', async () => {
  const actAll: MessageHandler['actAll'] = async (steps) => {
    steps[0].settle('"status":200}' as never);
    throw new Error('a fault');
  };
  const { answered, log } = carryOut({ act: noStep, actAll }, {});
  await settled();
  const statuses = answered.mock.calls.map(([, { id, status }]) => `${id}: ${status}`);
  expect(statuses.sort()).toEqual(['1: 200', '2: 500', '3: 400', '4: 200']);
  expect(log.error).toHaveBeenCalledTimes(1);
});

it('answers the others if one answer cannot be sent', async () => {
  const actAll: MessageHandler['actAll'] = async (steps) => {
    for (const one of steps) one.settle('"status":200}' as never);
  };
  const answered = vi.fn((place: number) => {
    if (place === 0 || place === 2) throw new Error('not sent');
  });
  const { log } = carryOut({ act: noStep, actAll }, {}, answered);
  await settled();
  expect(answered.mock.calls.map(([place]) => place).sort()).toEqual([0, 1, 2, 3]);
  expect(log.error).toHaveBeenCalledTimes(2);
});
