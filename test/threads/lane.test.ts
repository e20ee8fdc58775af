import { describe, expect, it } from 'vitest';
import { type Caller, OWN_WORK } from '../../src/domain/caller.ts';
import { FairQueue } from '../../src/threads/fair-queue.ts';
import { Lane } from '../../src/threads/lane.ts';

const caller = (client: string, signal?: AbortSignal): Caller => ({ ...OWN_WORK, client, signal });

/** A lane whose caller a test sets, and work that ends when the test says so. */
function laneOf(atOnce: number) {
  let current = caller('a');
  const lane = new Lane({ what: 'tests', atOnce, caller: () => current });
  const begun: string[] = [];
  const ends: (() => void)[] = [];
  const run = (name: string, by: Caller) => {
    current = by;
    return lane.run(async () => {
      begun.push(name);
      await new Promise<void>((resolve) => ends.push(resolve));
      return name;
    });
  };
  const endNext = async () => {
    while (ends.length === 0) await new Promise((resolve) => setImmediate(resolve));
    ends.shift()?.();
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { run, begun, endNext };
}

describe('a lane', () => {
  it('lets clients take turns, each with one at a time', async () => {
    const { run, begun, endNext } = laneOf(1);
    const all = [run('a1', caller('a')), run('a2', caller('a')), run('a3', caller('a')), run('b1', caller('b'))];
    for (let k = 0; k < 4; k++) await endNext();
    expect(await Promise.all(all)).toEqual(['a1', 'a2', 'a3', 'b1']);

    // b came last, and did not wait for all of a.
    expect(begun.indexOf('b1')).toBeLessThan(3);
  });

  it('leaves a place to other clients', async () => {
    const { run, begun, endNext } = laneOf(2);
    const all = [run('a1', caller('a')), run('a2', caller('a')), run('b1', caller('b'))];
    await new Promise((resolve) => setImmediate(resolve));
    expect(begun).toEqual(['a1', 'b1']);
    for (let k = 0; k < 3; k++) await endNext();
    await Promise.all(all);
  });

  it('refuses more than may wait, and lets go of whoever hangs up', async () => {
    const { run, begun, endNext } = laneOf(1);
    const first = run('first', caller('a'));
    const controller = new AbortController();
    const leaves = run('leaves', caller('a', controller.signal));
    const waiting = Array.from({ length: 15 }, (_, k) => run(`w${k}`, caller('a')));
    await expect(run('one more', caller('a'))).rejects.toMatchObject({ code: 'overloaded', retryAfterSeconds: 5 });
    controller.abort();
    await expect(leaves).rejects.toMatchObject({ code: 'client-gone' });
    waiting.push(run('in its place', caller('a')));
    for (let k = 0; k < 17; k++) await endNext();
    await Promise.all([first, ...waiting]);
    expect(begun).not.toContain('leaves');
    expect(begun.at(-1)).toBe('in its place');
  });
});

describe('a fair queue', () => {
  it('gives the next thing of the next client that may have a turn', () => {
    const queue = new FairQueue<string>();
    for (const [client, thing] of ['a1', 'a2', 'b1', 'c1'].map((thing) => [thing[0], thing] as const)) {
      queue.add(client, thing);
    }
    queue.putBack('b', 'b0');
    queue.remove('c', 'c1');
    expect(queue.take((client) => client !== 'a')).toBe('b0');
    expect([queue.take(), queue.take(), queue.take(), queue.take()]).toEqual(['a1', 'b1', 'a2', undefined]);
    expect(queue.size).toBe(0);
  });
});
