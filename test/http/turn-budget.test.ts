import { beforeEach, describe, expect, it } from 'vitest';
import { TurnBudget } from '../../src/http/turn-budget.ts';

/** A turn that is crowded, and what is let in while all are. */
const BUDGET_MS = 20;
const ADMITTED_MS = 10;
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

  it('turns away what comes in a turn after it is spent, but the first request of each address', async () => {
    await crowd();
    expect(budget.admits('a')).toBe(true);
    work(ADMITTED_MS - 1);
    expect(budget.admits('a')).toBe(true);
    work(1);
    expect([budget.admits('a'), budget.admits('a'), budget.admits('b'), budget.admits('b')]).toEqual([
      true,
      false,
      true,
      false,
    ]);
    await nextTurn();
    expect([budget.admits('a'), budget.admits('a')]).toEqual([true, true]);
  });

  it('lets in all of a queue that one long turn leaves', async () => {
    budget.admits('a');
    work(10 * CROWDED_MS);
    expect([budget.admits('a'), budget.admits('a')]).toEqual([true, true]);
    await nextTurn();
    budget.admits('a');
    work(BUDGET_MS);
    expect([budget.admits('a'), budget.admits('a')]).toEqual([true, true]);
  });

  it.each([
    ['a short turn', { idled: 0, worked: ADMITTED_MS - 1 }],
    ['a pause', { idled: 10, worked: BUDGET_MS }],
  ])('begins anew after %s', async (_name, { idled, worked }) => {
    await crowd();
    idle += idled;
    budget.admits('a');
    work(worked);
    await nextTurn();
    budget.admits('a');
    work(10 * BUDGET_MS);
    expect([budget.admits('a'), budget.admits('a'), budget.admits('a')]).toEqual([true, true, true]);
  });

  it('goes on while turns have more to read than is let in, though they are short thereby', async () => {
    await crowd();
    expect(budget.isCrowded).toBe(true);
    for (let k = 0; k < 5; k++) {
      budget.admits('a');
      work(ADMITTED_MS);
      expect([budget.admits('a'), budget.admits('a')]).toEqual([true, false]);
      await nextTurn();
    }
  });

  it('does not count the time in which the machine did other things', async () => {
    for (let k = 0; k < 50; k++) {
      budget.admits('a');
      now += 10 * BUDGET_MS;
      processor += 1;
      expect([budget.admits('a'), budget.admits('a')]).toEqual([true, true]);
      await nextTurn();
    }
  });
});
