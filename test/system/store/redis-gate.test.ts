import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createGate } from '../../../src/store/redis/gate.ts';

const NEVER = new AbortController().signal;

describe('the gate of the Redis store', () => {
  it('never lets in more calls or bytes than it holds, keeps the order, and forgets no one', async () => {
    const calls = fc.array(fc.record({ size: fc.integer({ min: 0, max: 10 }), turns: fc.nat(3) }), { maxLength: 40 });
    await fc.assert(
      fc.asyncProperty(calls, async (all) => {
        const gate = createGate(3, 10);
        const begun: number[] = [];
        let now = 0;
        let bytes = 0;
        const work = all.map(({ size, turns }, n) =>
          gate.pass(size, NEVER, async () => {
            begun.push(n);
            now += 1;
            bytes += size;
            expect(now).toBeLessThanOrEqual(3);
            expect(bytes).toBeLessThanOrEqual(10);
            for (let turn = 0; turn < turns; turn++) await new Promise(setImmediate);
            now -= 1;
            bytes -= size;
            if (turns === 3) throw new Error(`${n} failed`);
            return n;
          }),
        );
        const settled = await Promise.allSettled(work);
        expect(begun).toEqual(all.map((_, n) => n));
        settled.forEach((outcome, n) => {
          expect(outcome.status).toBe(all[n].turns === 3 ? 'rejected' : 'fulfilled');
        });
      }),
    );
  });

  it('lets in alone what is larger than all of it', async () => {
    const gate = createGate(3, 10);
    let smallBegan = false;
    const large = gate.pass(100, NEVER, async () => {
      await new Promise(setImmediate);
      return smallBegan;
    });
    const small = gate.pass(1, NEVER, async () => {
      smallBegan = true;
    });
    expect(await large).toBe(false);
    await small;
    expect(smallBegan).toBe(true);
  });

  it('never begins what was withdrawn, and lets in who waited behind it', async () => {
    const gate = createGate(2, 10);
    const first = Promise.withResolvers<void>();
    const running = gate.pass(6, NEVER, () => first.promise);
    const withdrawn = new AbortController();
    const begun: string[] = [];
    const large = gate.pass(6, withdrawn.signal, async () => begun.push('large'));
    const small = gate.pass(4, NEVER, async () => begun.push('small'));
    withdrawn.abort(new Error('too late'));
    await expect(large).rejects.toThrow('too late');
    await small;
    await expect(gate.pass(0, withdrawn.signal, async () => begun.push('late'))).rejects.toThrow('too late');
    first.resolve();
    await running;
    expect(begun).toEqual(['small']);
  });
});
