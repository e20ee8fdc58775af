import { describe, expect, it } from 'vitest';
import { reachOf } from '../../web/src/model/reach.ts';
import { findWarnings, type Seen } from '../../web/src/model/warnings.ts';

const steps = (count: number, at: (t: number) => Seen): Seen[] => Array.from({ length: count }, (_, t) => at(t));
const gate = (after: number[]) => ({ before: after, after });

describe('warnings', () => {
  it('finds no warning in a network that works', () => {
    const healthy = steps(40, (t) => ({
      states: [[Math.sin(t), 0.3 * Math.cos(t)]],
      gates: { z: gate([0.5 + 0.3 * Math.sin(t), 0.4]) },
    }));
    expect(findWarnings(healthy, ['h'])).toEqual([]);
  });

  it.each([
    ['nan', [0.1, Number.NaN]],
    ['exploding', [0.1, 5000]],
    ['exploding', [0.1, Number.NEGATIVE_INFINITY]],
    ['zero', [0.1, 0]],
    ['saturated', [0.1, 0.999]],
    ['saturated', [0.1, -1]],
  ])('finds a state that is %s, and its unit', (kind, values) => {
    const found = findWarnings(
      steps(10, (t) => ({ states: [values.map((value, j) => (j === 0 ? value * Math.sin(t) : value))] })),
      ['h'],
    );
    expect(found).toEqual([{ kind, where: 'h', units: [1] }]);
  });

  it('does not call a linear state of a large size saturated', () => {
    expect(
      findWarnings(
        steps(10, (t) => ({ states: [[20 + t]] })),
        ['h'],
      ),
    ).toEqual([]);
  });

  it('finds gates that never move, and not candidates', () => {
    const stuck = steps(10, (t) => ({
      states: [[Math.sin(t)]],
      gates: { 'cells.0.f': gate([0.999]), z: gate([0.001]), hh: gate([1]) },
    }));
    expect(findWarnings(stuck, ['h']).map(({ where }) => where)).toEqual(['cells.0.f', 'z']);
  });

  it('says nothing of habits after a few steps', () => {
    expect(
      findWarnings(
        steps(3, () => ({ states: [[0]] })),
        ['h'],
      ),
    ).toEqual([]);
    expect(findWarnings([], ['h'])).toEqual([]);
  });
});

describe('the reach of the past', () => {
  it.each([
    [0.5, 'vanishing'],
    [1, 'steady'],
    [1.5, 'exploding'],
  ])('sees what multiplies a gradient by %d a step as %s', (factor, verdict) => {
    const reach = reachOf(Array.from({ length: 12 }, (_, t) => [factor ** (11 - t)]));
    expect(reach).toMatchObject({ verdict });
    expect(reach.factor).toBeCloseTo(factor, 10);
    expect(reach.sizes[0]).toBe(1);
  });

  it('does not judge by too little', () => {
    expect(reachOf([[0], [0], [1]]).verdict).toBe('unknown');
  });
});
