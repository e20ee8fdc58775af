import { beforeEach, describe, expect, it } from 'vitest';
import { TurnBudget } from '../../src/http/turn-budget.ts';

/** A turn that is crowded, and what is let in while all are. */
const BUDGET_MS = 20;
const ADMITTED_MS = 10;
/** Requests of an address that are let in nevertheless. */
const SHARE = 4;
const RECUR_MS = 100;
const CROWDED_MS = 250;
/** Ends a turn of the event loop. */
const nextTurn = () => new Promise((resolve) => setImmediate(resolve));

describe('the budget of a turn', () => {
  let now: number;
  let processor: number;
  let idle: number;
  let budget: TurnBudget;

  beforeEach(() => {
    now = 1000;
    processor = 0;
    idle = 0;
    budget = new TurnBudget({ wall: () => now, processor: () => processor, idle: () => idle });
  });

  function work(ms: number): void {
    now += ms;
    processor += ms;
  }

  /** Turns that each read for so long, until the budget is sure that there is too much to do. */
  async function crowd(ms = BUDGET_MS): Promise<void> {
    for (let k = 0; k * ms <= CROWDED_MS + ms; k++) {
      budget.admits('a');
      work(ms);
      await nextTurn();
    }
  }

  /** Whether each of so many requests of an address is let in. */
  const asked = (address: string, count: number) => Array.from({ length: count }, () => budget.admits(address));
  const shared = [...Array(SHARE).fill(true), false, false];

  it('turns away what comes in a turn after it is spent, but a few requests of each address', async () => {
    await crowd();
    expect(budget.admits('a')).toBe(true);
    work(ADMITTED_MS - 1);
    expect(asked('a', 50)).not.toContain(false);
    work(1);
    expect(asked('a', SHARE + 2)).toEqual(shared);
    expect(asked('b', SHARE + 2)).toEqual(shared);
    await nextTurn();
    expect(asked('a', 50)).not.toContain(false);
  });

  it('lets in all of a queue that one long turn leaves', async () => {
    budget.admits('a');
    work(10 * CROWDED_MS);
    expect(asked('a', 50)).not.toContain(false);
    await nextTurn();
    budget.admits('a');
    work(BUDGET_MS);
    expect(asked('a', 50)).not.toContain(false);
  });

  it.each([
    ['a pause', { idled: 10, passed: 0 }],
    ['some time without a crowded turn', { idled: 0, passed: RECUR_MS }],
  ])('begins anew after %s', async (_name, { idled, passed }) => {
    await crowd();
    idle += idled;
    for (let k = 0; k < 10; k++) {
      now += passed / 10;
      budget.admits('a');
      await nextTurn();
    }
    expect(budget.isCrowded).toBe(false);
    budget.admits('a');
    work(10 * BUDGET_MS);
    expect(asked('a', 50)).not.toContain(false);
  });

  it('goes on while crowded turns recur, with short ones between them', async () => {
    await crowd();
    for (let k = 0; k < 5; k++) {
      budget.admits('a');
      work(ADMITTED_MS);
      expect(asked('a', SHARE + 2)).toEqual(shared);
      await nextTurn();
      budget.admits('a');
      work(1);
      await nextTurn();
    }
  });

  it('counts the time in which the machine did other things only where that is most of it', async () => {
    const others = async (times: number) => {
      for (let k = 0; k < 50; k++) {
        budget.admits('a');
        now += times * BUDGET_MS;
        processor += 1;
        await nextTurn();
      }
    };
    await others(3.9);
    expect(budget.isCrowded).toBe(false);
    await others(4);
    expect(budget.isCrowded).toBe(true);
  });
});
