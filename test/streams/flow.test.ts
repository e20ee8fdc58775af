import { describe, expect, it } from 'vitest';
import { Flow } from '../../src/streams/flow.ts';

interface Options {
  readonly inFlight?: number;
  readonly maxBytes?: number;
  readonly answerBytes?: number;
  readonly congested?: () => boolean;
  readonly prepare?: (name: number) => Promise<number>;
  readonly turn?: (begin: () => void) => void;
  readonly onBegin?: (names: readonly number[]) => Promise<void>;
}

function started(options: Options = {}) {
  const begun: number[] = [];
  const reading: boolean[] = [];
  const ends: ((answerBytes: number) => void)[] = [];
  const flow: Flow<number> = new Flow({
    inFlight: options.inFlight ?? 2,
    maxBytes: options.maxBytes ?? 1000,
    answerBytes: options.answerBytes,
    isCongested: options.congested ?? (() => false),
    reading: (open) => reading.push(open),
    turn: options.turn ?? ((begin) => begin()),
    prepare: options.prepare ?? (async (name) => name),
    begin(tasks) {
      if (options.onBegin) return options.onBegin(tasks.map(({ message }) => message));
      for (const task of tasks) {
        begun.push(task.message);
        ends.push((answerBytes) => flow.done(task, answerBytes));
      }
      return undefined;
    },
  });
  const add = (name: number, bytes = 1) => {
    flow.add(bytes, name);
    flow.advance();
  };
  const end = async (answerBytes = 1) => {
    ends.shift()?.(answerBytes);
    await new Promise(setImmediate);
  };
  return { flow, begun, reading, add, end };
}

describe('the flow of one client', () => {
  it('begins messages when it is the turn of the client, and reads no others until then', async () => {
    const turns: (() => void)[] = [];
    const { begun, reading, add, end } = started({ inFlight: 2, turn: (begin) => turns.push(begin) });
    for (const name of [1, 2, 3]) add(name);
    expect([begun, reading, turns.length]).toEqual([[], [false], 1]);
    turns.shift()?.();
    expect(begun).toEqual([1, 2]);
    await end();
    await end();
    expect([begun, turns.length]).toEqual([[1, 2], 1]);
    turns.shift()?.();
    expect([begun, reading]).toEqual([
      [1, 2, 3],
      [false, true],
    ]);
  });

  it('begins a long message when it is read, and those behind it in their order', async () => {
    const ready: (() => void)[] = [];
    const prepare = (name: number) => new Promise<number>((resolve) => ready.push(() => resolve(10 * name)));
    const { begun, add } = started({ inFlight: 10, maxBytes: 2 ** 20, prepare });
    add(1);
    add(2, 2 ** 18);
    add(3);
    add(4, 2 ** 18);
    expect(begun).toEqual([1]);
    expect(ready).toHaveLength(1);
    ready[0]();
    await new Promise(setImmediate);
    expect(begun).toEqual([1, 20, 3]);
    ready[1]();
    await new Promise(setImmediate);
    expect(begun).toEqual([1, 20, 3, 40]);
  });

  it('reads no more while others read, whatever room there is, and then only if there is room', async () => {
    const { flow, reading, add, end } = started();
    flow.pause();
    add(1);
    expect(reading).toEqual([false]);
    flow.resume();
    expect(reading).toEqual([false, true]);
    flow.pause();
    for (const name of [2, 3]) add(name);
    flow.resume();
    expect(reading).toEqual([false, true, false]);
    for (let k = 0; k < 3; k++) await end();
    expect(reading).toEqual([false, true, false, true]);
  });

  it('begins so many messages at once, in their order, and reads on when one has ended', async () => {
    const { begun, reading, add, end } = started();
    for (const name of [1, 2, 3, 4]) add(name);
    expect(begun).toEqual([1, 2]);
    expect(reading).toEqual([false]);
    await end();
    await end();
    expect(begun).toEqual([1, 2, 3, 4]);
    await end();
    expect(reading).toEqual([false, true]);
  });

  it('begins no others until those that begin have begun', async () => {
    const begun: number[] = [];
    const ready: (() => void)[] = [];
    const { flow } = started({
      inFlight: 10,
      onBegin: (names) => {
        begun.push(...names);
        return new Promise<void>((resolve) => ready.push(resolve));
      },
    });
    flow.add(1, 1);
    flow.advance();
    flow.add(1, 2);
    flow.add(1, 3);
    flow.advance();
    expect(begun).toEqual([1]);
    ready[0]();
    await new Promise(setImmediate);
    expect(begun).toEqual([1, 2, 3]);
  });

  it('begins as many together as have the bytes of a long message, and the others in another turn', () => {
    const turns: (() => void)[] = [];
    const { flow, begun } = started({ inFlight: 10, maxBytes: 2 ** 20, turn: (begin) => turns.push(begin) });
    for (const name of [1, 2, 3, 4, 5]) flow.add(50_000, name);
    flow.advance();
    for (const so of [
      [1, 2],
      [1, 2, 3, 4],
      [1, 2, 3, 4, 5],
    ]) {
      turns.shift()?.();
      expect(begun).toEqual(so);
    }
    expect(turns).toEqual([]);
  });

  it('begins a message that is over the bound of bytes alone', async () => {
    const { begun, add, end } = started({ inFlight: 10, maxBytes: 100 });
    add(1, 60);
    add(2, 60);
    add(3, 500);
    expect(begun).toEqual([1]);
    await end();
    expect(begun).toEqual([1, 2]);
    await end();
    expect(begun).toEqual([1, 2, 3]);
  });

  it('begins a few at first, and more with each answer', async () => {
    const { begun, add, end } = started({ inFlight: 20 });
    for (let name = 1; name <= 40; name++) add(name);
    expect(begun).toHaveLength(16);
    await end();
    expect(begun).toHaveLength(18);
    for (let i = 0; i < 10; i++) await end();
    expect(begun).toHaveLength(31);
  });

  it('begins as many as have room for answers like the largest of the last ones', async () => {
    const { begun, add, end } = started({ inFlight: 20, answerBytes: 100 });
    for (let name = 1; name <= 40; name++) add(name);
    for (let i = 0; i < 16; i++) await end(40);
    const before = begun.length;
    await end(40);
    await end(40);
    expect(begun).toHaveLength(before + 2);
    for (let i = 0; i < 4; i++) await end(1000);
    expect(begun.length).toBeLessThan(before + 6);
  });

  it('begins nothing while answers are not read', async () => {
    let congested = true;
    const { flow, begun, reading, add } = started({ congested: () => congested });
    add(1);
    expect(begun).toEqual([]);
    expect(reading).toEqual([false]);
    congested = false;
    flow.advance();
    expect(begun).toEqual([1]);
    expect(reading).toEqual([false, true]);
  });

  it('is settled when all is carried out, and begins nothing after its end', async () => {
    const { flow, begun, add, end } = started({ inFlight: 1 });
    add(1);
    add(2);
    let settled = false;
    flow.settled().then(() => {
      settled = true;
    });
    flow.end();
    add(3);
    await end();
    expect(begun).toEqual([1]);
    expect(settled).toBe(true);
  });
});
