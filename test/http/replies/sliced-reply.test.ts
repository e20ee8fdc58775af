import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { SlicedReply } from '../../../src/http/replies/sliced-reply.ts';
import { collectGarbage } from '../../../src/threads/collect-garbage.ts';

describe('a reply in slices', () => {
  /** A reply, and whether what it is made of is still in memory. */
  function replyOf(count: number) {
    let made: object | undefined = { about: 'what the slices are made of' };
    const kept = new WeakRef(made);
    const slices = function* (from: object) {
      for (let k = 0; k < count; k++) yield Buffer.from(`${Object.keys(from).length}`);
    };
    const reply = new SlicedReply(1, slices(made), async () => undefined);
    made = undefined;
    return { reply, isKept: () => kept.deref() !== undefined };
  }

  /** In another turn of the event loop: what a WeakRef gave is kept until this one ends. */
  async function collect(): Promise<void> {
    await new Promise(setImmediate);
    collectGarbage();
  }

  it('lets go of what it is made of when it is sent, even while it is kept itself', async () => {
    const { reply, isKept } = replyOf(3);
    await collect();
    expect(isKept()).toBe(true);
    const sent = await reply.toArray();
    expect(Buffer.concat(sent).toString()).toBe('111');
    await collect();
    expect(isKept()).toBe(false);
    expect(reply.destroyed).toBe(true);
  });

  it('does so when its client has left', async () => {
    const { reply, isKept } = replyOf(1000);
    reply.read(0);
    await once(reply, 'readable');
    reply.destroy();
    await once(reply, 'close');
    await collect();
    expect(isKept()).toBe(false);
    expect(reply.destroyed).toBe(true);
  });
});
