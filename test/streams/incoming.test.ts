import { expect, it } from 'vitest';
import { Incoming } from '../../src/streams/incoming.ts';

function started(turn: (begin: () => void) => void) {
  const seen: string[] = [];
  const source = { pause: () => seen.push('pause'), resume: () => seen.push('resume') };
  return { seen, incoming: new Incoming(source, turn, (bytes) => seen.push(`${bytes}`)) };
}

it('looks at once at what comes in the turn of its client', () => {
  const { seen, incoming } = started((begin) => begin());
  incoming.take(Buffer.from('a'));
  incoming.take(Buffer.from('b'));
  expect(seen).toEqual(['a', 'b']);
});

it('leaves what comes for the turn of its client, and has no more sent until then', () => {
  const turns: (() => void)[] = [];
  const { seen, incoming } = started((begin) => turns.push(begin));
  incoming.take(Buffer.from('a'));
  incoming.take(Buffer.from('b'));
  expect([seen, turns.length]).toEqual([['pause'], 1]);
  turns[0]();
  expect(seen).toEqual(['pause', 'resume', 'ab']);
});

it('looks before its turn where it is told to, and only once', () => {
  const turns: (() => void)[] = [];
  const { seen, incoming } = started((begin) => turns.push(begin));
  incoming.take(Buffer.from('a'));
  incoming.flush();
  turns[0]();
  expect(seen).toEqual(['pause', 'resume', 'a']);
});
