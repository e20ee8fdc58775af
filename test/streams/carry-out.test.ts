import { describe, expect, it, vi } from 'vitest';
import { NestedNumbers } from '../../schemas/nested-numbers.ts';
import { Problem } from '../../src/domain/problems.ts';
import { TEXT_FORM } from '../../src/streams/answer-form.ts';
import { type Call, Messages } from '../../src/streams/carry-out.ts';
import type { MessageHandler } from '../../src/streams/message-handler.ts';
import { Queue } from '../../src/threads/queue.ts';

const step = (id: number, key?: string) => ({
  id,
  session: `s${id}`,
  inputs: new NestedNumbers([1, 1], Float64Array.of(1)),
  ...(key === undefined ? {} : { key }),
});

const MIXED = [step(1), step(2, 'k'), { id: 3, op: 'none' }, step(4)];

function carryOut(
  handler: MessageHandler,
  sender: Partial<Call['sender']>,
  answered = vi.fn(),
  { sent = MIXED, turn = () => undefined }: { sent?: readonly unknown[]; turn?: Call['turn'] } = {},
) {
  const running = new Queue();
  const messages = new Messages(new Map([['step', handler]]), 'acme', running);
  const log = { error: vi.fn() };
  const call: Call = {
    url: '/v1/steps',
    id: 'r',
    log,
    refused: () => undefined,
    turn,
    sender: { isRated: false, carryOut: (act) => act(), ...sender },
  };
  void messages.carryOutAll(sent, { form: TEXT_FORM, call }, (place, text) => answered(place, JSON.parse(text)));
  return { answered, running, log };
}

const settled = () => new Promise((resolve) => setImmediate(resolve));
const noStep = async (): Promise<never> => {
  throw new Error('not asked');
};

it('leaves to its schema a session that has no text', async () => {
  const act = vi.fn(async () => '"status":400}' as never);
  const sent = [
    { session: { toString: 1 }, key: 'k' },
    { session: [[]], key: 'k' },
  ];
  const { answered } = carryOut({ act }, {}, vi.fn(), { sent });
  await settled();
  expect(answered.mock.calls).toEqual([
    [0, { status: 400 }],
    [1, { status: 400 }],
  ]);
});

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
  expect(running.isBusy('acme step s2 k')).toBe(false);
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

describe('the messages of a call', () => {
  const plain = (key: (k: number) => string | undefined) => Array.from({ length: 200 }, (_, k) => step(k, key(k)));
  const other = (key?: string) => ({ session: 's', inputs: [[1]], trace: true, ...(key === undefined ? {} : { key }) });

  /** Carries out messages with an event loop that has no time left until `go` is called. */
  function begin(sent: readonly unknown[]) {
    const turns: (() => void)[] = [];
    const begun: number[] = [];
    const ends: (() => void)[] = [];
    const handler: MessageHandler = {
      act: () => {
        begun.push(1);
        return new Promise((resolve) => ends.push(() => resolve('"status":200}' as never)));
      },
      actAll: async (steps) => {
        begun.push(steps.length);
        for (const one of steps) one.settle('"status":200}' as never);
      },
    };
    const turn = () => new Promise<void>((resolve) => turns.push(resolve));
    const all = carryOut(handler, {}, undefined, { sent, turn });
    const go = async () => {
      turns.shift()?.();
      await settled();
    };
    return { ...all, begun, turns, ends, go };
  }

  it.each([
    ['64 without a key', () => undefined, [64, 64, 64, 8]],
    ['43 with one', (k: number) => `k${k}`, [43, 43, 43, 43, 28]],
  ])('begin when the event loop has time: of plain steps %s at once', async (_, key, groups) => {
    const { begun, go, answered } = begin(plain(key));
    for (const [k] of groups.entries()) {
      expect(begun).toEqual(groups.slice(0, k));
      await go();
    }
    expect(begun).toEqual(groups);
    expect(answered).toHaveBeenCalledTimes(200);
  });

  it('begin a few at once if they are no plain steps, and keep their order', async () => {
    const few = Array.from({ length: 12 }, () => other());
    const { begun, go } = begin([...few, ...plain(() => undefined).slice(0, 10), ...few]);
    await go();
    // A step takes a fifth of another message: there is room for four behind twelve, and for eleven others behind six.
    expect(begun).toEqual([...Array(12).fill(1), 4]);
    await go();
    expect(begun.slice(13)).toEqual([6, ...Array(12).fill(1)]);
  });

  it('go one after another if they repeat one another, each when the event loop has time', async () => {
    const { begun, turns, ends, go } = begin([other('k'), other('k'), other('k')]);
    await go();
    expect([begun, turns]).toEqual([[1], []]);
    ends[0]();
    await settled();
    expect([begun, turns.length]).toEqual([[1], 1]);
    await go();
    expect([begun, turns.length]).toEqual([[1, 1], 0]);
    ends[1]();
    await settled();
    await go();
    expect(begun).toEqual([1, 1, 1]);
  });
});
