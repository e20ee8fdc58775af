import { expect, it, vi } from 'vitest';
import { ChangeEvents, watchMessages } from '../../routes/messages.ts';
import { ANYBODY } from '../../src/domain/identity.ts';
import { Problem } from '../../src/domain/problems.ts';
import type { SessionRecord } from '../../src/domain/session.ts';
import { Tensor } from '../../src/domain/tensor.ts';
import type { SessionContent } from '../../src/services/sessions/session-bytes.ts';
import type { SessionChange } from '../../src/services/sessions/session-subscription.ts';
import { TEXT_FORM, type Written } from '../../src/streams/answer-form.ts';
import { Subscriptions } from '../../src/streams/subscriptions.ts';

const states = [new Tensor('float32', [1, 1], Float32Array.of(5))];

function content(version: number): SessionContent {
  const times = { created_at: 0, updated_at: 0 };
  const cell = { cell: 'c', cell_uid: 'u', cell_version: 1, batch_size: 1, pin_cell_version: false };
  const record = { format: 1, id: 's', uid: 'u', ...cell, step: version - 1, ttl_seconds: null, version, ...times };
  return { record: record as SessionRecord, states };
}

/** Subscribes so many sockets to one session. */
async function subscribed(sockets: number, write: typeof TEXT_FORM.write, fail = vi.fn()) {
  const listeners: ((change: SessionChange) => void)[] = [];
  const sessions = {
    subscribe: async (_id: string, listener: (change: SessionChange) => void) => {
      listeners.push(listener);
      return { now: { ...content(1), id: 's' }, stop: () => undefined };
    },
  };
  const events = new ChangeEvents();
  const heard: Written[][] = [];
  for (let k = 0; k < sockets; k++) {
    const own: Written[] = [];
    heard.push(own);
    const caller = { identity: ANYBODY, events };
    const telling = { send: (event: Written) => void own.push(event), fail };
    const handlers = watchMessages(sessions as never, caller, new Subscriptions(), telling);
    await new Map(handlers).get('subscribe')?.act({ op: 'subscribe', session: 's' }, { ...TEXT_FORM, write });
  }
  await new Promise((resolve) => setImmediate(resolve));
  return { heard, tell: (change: SessionChange) => listeners.forEach((listener) => void listener(change)) };
}

it('writes a change once, however many sockets listen', async () => {
  const write = vi.fn(TEXT_FORM.write);
  const { heard, tell } = await subscribed(3, write);
  write.mockClear();
  tell({ session: content(2), missed: 0 });
  expect(write).toHaveBeenCalledTimes(1);
  expect(heard.map(([event]) => JSON.parse(event as string))).toEqual(
    Array(3).fill(expect.objectContaining({ event: 'changed', version: 2, states: [[[5]]] })),
  );
  tell({ session: content(3), missed: 1 });
  tell({ missed: 0 });
  expect(heard[2].slice(1).map((event) => JSON.parse(event as string))).toMatchObject([
    { event: 'changed', version: 3, missed: 1 },
    { event: 'closed', session: 's' },
  ]);
});

it('counts a change that is too long to be written as missed, and goes on', async () => {
  let isTooLong = false;
  const write: typeof TEXT_FORM.write = (fields) => {
    if (isTooLong) throw new Problem('limit-exceeded', 'Too long.');
    return TEXT_FORM.write(fields);
  };
  const { heard, tell } = await subscribed(1, write);
  isTooLong = true;
  tell({ session: content(2), missed: 0 });
  tell({ session: content(4), missed: 1 });
  isTooLong = false;
  tell({ session: content(5), missed: 0 });
  expect(heard[0].map((event) => JSON.parse(event as string))).toMatchObject([{ version: 5, missed: 3 }]);
});

it('does not take a fault for a change that is too long', async () => {
  const fault = new TypeError('a fault');
  let isBroken = false;
  const write: typeof TEXT_FORM.write = (fields) => {
    if (isBroken) throw fault;
    return TEXT_FORM.write(fields);
  };
  const fail = vi.fn();
  const { heard, tell } = await subscribed(1, write, fail);
  isBroken = true;
  tell({ session: content(2), missed: 0 });
  expect(fail).toHaveBeenCalledExactlyOnceWith(fault);
  expect(heard[0]).toEqual([]);
});
