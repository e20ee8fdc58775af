import { expect, it } from 'vitest';
import { atTurnEnd } from '../../src/threads/turn-end.ts';
import { Turns } from '../../src/threads/turns.ts';

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

it('is there when a turn has taken in what has arrived, and work that it begins need not wait for another', async () => {
  const done: string[] = [];
  const next = async () => {
    await Promise.resolve();
    atTurnEnd(() => done.push('third'));
    await Promise.resolve();
    done.push('second');
  };
  atTurnEnd(() => {
    done.push('first');
    atTurnEnd(() => void next());
  });
  await Promise.resolve();
  expect(done).toEqual([]);
  await turn();
  expect(done).toEqual(['first', 'second', 'third']);
});

it('has a last stage, which comes when nothing else waits for it', async () => {
  const done: string[] = [];
  atTurnEnd(() => done.push('last'), true);
  atTurnEnd(() => {
    done.push('first');
    void Promise.resolve().then(() => atTurnEnd(() => done.push('second')));
  });
  await turn();
  expect(done).toEqual(['first', 'second', 'last']);
});

it('is another in the next turn', async () => {
  const done: string[] = [];
  atTurnEnd(() => done.push('first'));
  await turn();
  atTurnEnd(() => done.push('second'));
  await Promise.resolve();
  expect(done).toEqual(['first']);
  await turn();
  expect(done).toEqual(['first', 'second']);
});

it('comes before pieces of long work that wait for the turn, and those are worked on in it', async () => {
  const done: string[] = [];
  const turns = new Turns(() => 1_000);
  turns.add('', () => {
    done.push('piece');
    atTurnEnd(() => done.push('next turn'));
  });
  turns.add('', () => done.push('other piece'));
  atTurnEnd(() => {
    done.push('first');
    void Promise.resolve().then(() => atTurnEnd(() => done.push('second')));
  });
  atTurnEnd(() => done.push('last'), true);
  await turn();
  expect(done).toEqual(['first', 'second', 'last', 'piece', 'other piece']);
  await turn();
  expect(done.at(-1)).toBe('next turn');
});
