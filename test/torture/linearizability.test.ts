import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { linearize, type Model, type Operation } from './linearizability.ts';

/** A register that is written, read, and changed if it holds what is expected. */
type Call = { readonly write: number } | { readonly read: true } | { readonly expect: number; readonly write: number };
type Register = Operation<Call, number | boolean>;

const register: Model<number, Call, number | boolean> = {
  initial: 0,
  apply(state, call, output) {
    if ('read' in call) return output === undefined || output === state ? state : undefined;
    const holds = !('expect' in call) || call.expect === state;
    if (output === undefined) return holds ? call.write : undefined;
    if (output !== holds) return undefined;
    return holds ? call.write : state;
  },
  changesNothing: (call, output) => 'read' in call || output === false,
  keyOf: String,
};

const at = (called: number, answered: number, input: Call, output?: number | boolean): Register => {
  return { input, output, called, answered: output === undefined ? Number.POSITIVE_INFINITY : answered };
};
/** Without an answer, and without effect after a time. */
const until = (called: number, answered: number, input: Call): Register => {
  return { input, output: undefined, called, answered };
};
const verdict = (...operations: Register[]) => linearize(register, operations).linearizable;

describe('a history', () => {
  it('is linearizable where each call takes effect between its call and its answer', () => {
    expect(verdict()).toBe(true);
    expect(verdict(at(0, 1, { write: 1 }, true), at(2, 3, { read: true }, 1))).toBe(true);
    // A read that overlaps a write may see it or not.
    expect(verdict(at(0, 9, { write: 1 }, true), at(1, 2, { read: true }, 0), at(3, 4, { read: true }, 1))).toBe(true);
  });

  it('is not, where a read misses a write that was answered, or time goes backwards', () => {
    expect(verdict(at(0, 1, { write: 1 }, true), at(2, 3, { read: true }, 0))).toBe(false);
    expect(verdict(at(0, 9, { write: 1 }, true), at(1, 2, { read: true }, 1), at(3, 4, { read: true }, 0))).toBe(false);
  });

  it('is not, where two changes both expected the same', () => {
    const change = (called: number, write: number) => at(called, called + 10, { expect: 0, write }, true);
    expect(verdict(change(0, 1), change(1, 2))).toBe(false);
    expect(verdict(change(0, 1), at(1, 11, { expect: 0, write: 2 }, false))).toBe(true);
  });

  it('may hold a call without an answer that took effect late, or never, but not twice', () => {
    const lost = at(0, 0, { write: 5 });
    const reads = (...values: number[]) => values.map((value, n) => at(10 + 2 * n, 11 + 2 * n, { read: true }, value));
    expect(verdict(lost, ...reads(0, 0))).toBe(true);
    expect(verdict(lost, ...reads(0, 5))).toBe(true);
    expect(verdict(lost, ...reads(5, 0))).toBe(false);
    expect(verdict(lost, at(1, 2, { write: 0 }, true), ...reads(0, 5))).toBe(true);
    expect(verdict(lost, ...reads(5), at(20, 21, { write: 0 }, true), at(22, 23, { read: true }, 5))).toBe(false);
    expect(verdict(...reads(5), at(30, 30, { write: 5 }))).toBe(false);
  });

  it('may hold a call without an answer that took effect in its time, but not after it', () => {
    const lost = until(0, 15, { write: 5 });
    expect(verdict(lost, at(10, 20, { read: true }, 5))).toBe(true);
    expect(verdict(lost, at(10, 12, { read: true }, 0), at(16, 17, { read: true }, 5))).toBe(true);
    expect(verdict(lost, at(16, 17, { read: true }, 0), at(18, 19, { read: true }, 5))).toBe(false);
    const refused = at(16, 25, { expect: 2, write: 0 }, false);
    expect(verdict(lost, at(1, 9, { expect: 0, write: 1 }, true), refused, at(17, 26, { read: true }, 5))).toBe(true);
  });

  it('is explained by an order, or reported up to the first impossible answer', () => {
    const operations = [at(0, 5, { write: 1 }, true), at(1, 6, { write: 2 }, true), at(7, 8, { read: true }, 1)];
    const explained = linearize(register, operations);
    expect(explained).toMatchObject({ linearizable: true, order: [operations[1], operations[0], operations[2]] });
    const wrong = at(9, 10, { read: true }, 3);
    expect(linearize(register, [...operations, wrong])).toMatchObject({ linearizable: false, stuck: [wrong] });
  });

  it('is decided with many calls that nobody knows of', () => {
    const unknown = Array.from({ length: 40 }, (_, n) => at(n, 0, { write: 100 + n }));
    const seen = [7, 3, 21].map((n, k) => at(100 + 2 * k, 101 + 2 * k, { read: true }, 100 + n));
    expect(verdict(...unknown, ...seen)).toBe(true);
    expect(verdict(...unknown.slice(0, 6), at(200, 201, { read: true }, 99))).toBe(false);
  });
});

const call: fc.Arbitrary<Call> = fc.oneof(
  fc.constant({ read: true } as const),
  fc.record({ write: fc.nat(2) }),
  fc.record({ expect: fc.nat(2), write: fc.nat(2) }),
);
const history = fc
  .array(fc.record({ call, from: fc.nat(12), length: fc.nat(6), answer: fc.option(fc.nat(2)), said: fc.boolean() }), {
    maxLength: 6,
  })
  .map((calls) => {
    return calls.map(({ call: input, from, length, answer, said }, n) => {
      const output = 'read' in input ? answer : answer === null ? null : said;
      // No two events at the same time.
      const [called, answered] = [from * 10 + n, (from + length) * 10 + 9];
      return output === null && said
        ? until(called, answered, input)
        : at(called, answered, input, output ?? undefined);
    });
  });

it('agrees with trying all orders', () => {
  fc.assert(
    fc.property(history, (operations) => {
      expect(verdict(...operations)).toBe(anyOrder(0, operations));
    }),
    { numRuns: 5_000 },
  );
});

function anyOrder(state: number, left: readonly Register[], reached = 0): boolean {
  if (left.every(({ output }) => output === undefined)) return true;
  return left.some((operation) => {
    const others = left.filter((other) => other !== operation);
    if (operation.answered < reached) return false;
    if (others.some(({ answered, output }) => output !== undefined && answered < operation.called)) return false;
    const next = register.apply(state, operation.input, operation.output);
    return next !== undefined && anyOrder(next, others, Math.max(reached, operation.called));
  });
}
