import { AsyncLocalStorage } from 'node:async_hooks';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { copied, inTurns, nextTurn } from '../../src/threads/in-turns.ts';
import { Turns } from '../../src/threads/turns.ts';
import { slowClock } from '../support/slow-clock.ts';
import { countTurns } from '../support/turns.ts';

function* longWork(slices: number): Generator<void, number> {
  for (let k = 0; k < slices; k++) yield;
  return slices;
}

describe('long work on the event loop', () => {
  it('goes on by one slice in each turn, whoever asks for it', async () => {
    slowClock();
    const clients = ['a', 'b', undefined];
    const all = () => Promise.all(clients.map((client) => inTurns(longWork(4), client)));
    expect((await countTurns(all)).turns).toBeGreaterThanOrEqual(4 * clients.length);
  });

  it('is done by clients in turns', async () => {
    slowClock();
    let order = '';
    const slice = async (client: string) => {
      await nextTurn(client);
      order += client;
    };
    await Promise.all([...'aaab'].map(slice));
    expect(order).toBe('abaa');
  });
});

it('is all done at once while the turn has time', async () => {
  const spy = vi.spyOn(performance, 'now').mockReturnValue(0);
  onTestFinished(() => spy.mockRestore());
  expect((await countTurns(() => inTurns(longWork(1000)))).turns).toBeLessThan(3);
});

it('begins outside of the context in which it was asked for', async () => {
  const storage = new AsyncLocalStorage<string>();
  const turns = new Turns(() => 1);
  const seen = new Promise((resolve) =>
    storage.run('another', () => turns.add('a', () => resolve(storage.getStore()))),
  );
  expect(await seen).toBeUndefined();
});

it('copies a Buffer into bytes of their own, without the constructor that Node warns of', async () => {
  const copy = await copied(Buffer.from([1, 2, 3]));
  expect(copy).toEqual(Uint8Array.of(1, 2, 3));
  expect([copy.constructor, copy.buffer.byteLength]).toEqual([Uint8Array, 3]);
});
