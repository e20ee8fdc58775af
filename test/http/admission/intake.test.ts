import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Intake } from '../../../src/http/admission/intake.ts';

const TURN_MS = 4;
const ALONE_MS = 10;
const ALONE_AFTER_MS = 1_000;
const WAIT_MS = 50;
const CLOCK_FACTOR = 4;
const MOST_BEYOND = 16;
/** Ends a turn of the event loop, and lets the next begin what it has time for. */
const nextTurn = () => new Promise((resolve) => setImmediate(resolve));

describe('requests on their way in', () => {
  let clock: number;
  let processor: number;
  let intake: Intake;
  let begun: string;

  beforeEach(() => {
    clock = 0;
    processor = 0;
    begun = '';
    intake = new Intake({ clock: () => clock, processor: () => processor });
  });

  // What is left would go on in the next test.
  afterEach(async () => {
    while (intake.isBusy) await nextTurn();
  });

  /** Requests of a client that each take so many milliseconds of the processor, on a machine that is so many times as slow. */
  function send(client: string, count: number, ms = 1, slowness = 1): void {
    for (let k = 0; k < count; k++) {
      intake.begin(client, () => {
        begun += client;
        processor += ms;
        clock += ms * slowness;
      });
    }
  }

  it('begin at once, in the order in which they came, while the turn has time; then in later turns', async () => {
    send('a', 2);
    send('b', 1);
    expect(begun).toBe('aab');
    send('a', 7);
    expect(begun).toHaveLength(TURN_MS);
    expect(intake.isBusy).toBe(true);
    await nextTurn();
    expect(begun).toHaveLength(2 * TURN_MS);
    await nextTurn();
    expect(begun).toHaveLength(10);
    expect(intake.isBusy).toBe(false);
  });

  it('have a longer turn when no other client has sent any for a second', async () => {
    send('b', 1);
    send('a', 1);
    clock += ALONE_AFTER_MS;
    await nextTurn();
    begun = '';
    send('a', 30);
    expect(begun).toHaveLength(ALONE_MS);
    send('b', 1);
    begun = '';
    await nextTurn();
    expect(begun).toHaveLength(TURN_MS);
  });

  it('have their time of each turn, whatever else that has done before', async () => {
    send('a', TURN_MS);
    setImmediate(() => {
      clock += 10 * TURN_MS;
    });
    send('a', TURN_MS);
    await nextTurn();
    expect(begun).toHaveLength(2 * TURN_MS);
  });

  it('count with what they do at once in promises', async () => {
    send('a', 1, TURN_MS);
    for (let k = 0; k < 4; k++) {
      intake.take('a', async () => {
        for (let depth = 0; depth < 5; depth++) await undefined;
        begun += 'p';
        processor += TURN_MS / 2;
        clock += TURN_MS / 2;
      });
    }
    await nextTurn();
    expect(begun).toBe('app');
    await nextTurn();
    expect(begun).toBe('apppp');
  });

  it('of one that asks seldom begin at once in a turn of others; more of them wait by turns of their clients', async () => {
    send('a', 100);
    send('b', TURN_MS + 1);
    expect(begun).toBe('aaaabbbb');
    await nextTurn();
    expect(begun).toMatch(/^aaaabbbbab/);
    send('b', 1);
    expect(begun.at(-1)).toBe('b');
  });

  it('go on, as messages begin, only in turns that have time', async () => {
    send('a', 100);
    intake.take('b', () => {
      begun += 'b';
    });
    expect(begun).toBe('aaaa');
    await nextTurn();
    expect(begun).toMatch(/^aaaaab/);
  });

  it('of a client that has waited for its turn do not begin beyond the time of that turn', async () => {
    send('a', TURN_MS + 1);
    await nextTurn();
    intake.take('b', () => {
      clock += TURN_MS;
    });
    send('a', 1);
    expect(begun).toHaveLength(TURN_MS + 1);
    await nextTurn();
    expect(begun).toHaveLength(TURN_MS + 2);
  });

  it('wait where some of many clients have begun beyond the time of the turn', async () => {
    send('a', TURN_MS);
    for (let k = 0; k < MOST_BEYOND; k++) send(`${k}`, 1);
    send('b', 1);
    expect(begun).toBe('aaaa0123456789101112131415');
    await nextTurn();
    expect(begun).toContain('b');
  });

  it('begin one in a turn at least', async () => {
    send('a', 3, 10 * TURN_MS);
    expect(begun).toBe('a');
    await nextTurn();
    expect(begun).toBe('aa');
    await nextTurn();
    expect(begun).toBe('aaa');
  });

  it('are refused of a client whose first has waited for long, and of no other', async () => {
    send('a', 1000);
    send('b', 1);
    for (let turns = 0; (turns - 1) * TURN_MS < WAIT_MS; turns++) {
      expect(intake.isFull('a')).toBe(false);
      await nextTurn();
    }
    expect(intake.isFull('a')).toBe(true);
    expect(intake.isFull('b')).toBe(false);
    while (intake.isBusy) await nextTurn();
    expect(intake.isFull('a')).toBe(false);
  });

  it('are all let in of a burst that comes behind one long turn', async () => {
    send('a', 1, 10 * WAIT_MS);
    send('a', 50);
    expect(intake.isFull('a')).toBe(false);
    await nextTurn();
    expect(intake.isFull('a')).toBe(false);
  });

  it.each([
    [CLOCK_FACTOR - 1, 1],
    [10 * CLOCK_FACTOR, 10],
  ])('are refused by the clock only where a machine is %i times as slow as it should be', async (slowness, less) => {
    send('a', 1000, 1, slowness);
    const waited = WAIT_MS / less;
    // Of a turn so slow only what fits by the clock begins.
    const each = Math.ceil(TURN_MS / slowness);
    for (let turns = 0; turns * each < waited + each; turns++) {
      expect(intake.isFull('a')).toBe(false);
      await nextTurn();
    }
    expect(intake.isFull('a')).toBe(true);
  });
});
