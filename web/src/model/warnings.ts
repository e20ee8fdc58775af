import type { Gates } from './moment.ts';

export type WarningKind = 'nan' | 'exploding' | 'zero' | 'saturated' | 'dead-gate';

/** Something that is probably a bug, with the units that show it. */
export interface Warning {
  readonly kind: WarningKind;
  /** Which state ('h', 'c', '0' …) or gate. */
  readonly where: string;
  readonly units: readonly number[];
}

export interface Seen {
  readonly states: readonly (readonly number[])[];
  readonly gates?: Gates;
}

/** Fewer steps than this tell nothing about habits of a unit. */
const ENOUGH = 8;
const HUGE = 1000;
const NEAR_ONE = 0.995;
const SHARE = 0.95;

/** Looks for what goes wrong in practice, over the steps seen, oldest first. */
export function findWarnings(steps: readonly Seen[], stateNames: readonly string[]): Warning[] {
  if (steps.length === 0) return [];
  const found = stateNames.flatMap((where, s) =>
    stateWarnings(
      where,
      steps.map(({ states }) => states[s]),
    ),
  );
  return [...found, ...gateWarnings(steps)];
}

function stateWarnings(where: string, over: readonly (readonly number[])[]): Warning[] {
  const units = over[0]?.length ?? 0;
  const which = (kind: WarningKind, test: (values: number[]) => boolean): Warning[] => {
    const hit = Array.from({ length: units }, (_, j) => j).filter((j) => test(over.map((values) => values[j])));
    return hit.length > 0 ? [{ kind, where, units: hit }] : [];
  };
  const enough = over.length >= ENOUGH;
  return [
    ...which('nan', (values) => values.some(Number.isNaN)),
    ...which('exploding', (values) => values.some((value) => Math.abs(value) > HUGE)),
    ...(enough ? which('zero', (values) => values.every((value) => value === 0)) : []),
    ...(enough
      ? which('saturated', (values) => mostly(values, (value) => Math.abs(value) > NEAR_ONE && Math.abs(value) <= 1))
      : []),
  ];
}

/** Gates end in one of these names, in Keras' words; candidates are no gates. */
const GATE_NAME = /(^|\.)(z|r|i|f|o)$/;

function gateWarnings(steps: readonly Seen[]): Warning[] {
  if (steps.length < ENOUGH) return [];
  const names = Object.keys(steps[0].gates ?? {}).filter((name) => GATE_NAME.test(name));
  return names.flatMap((where) => {
    const over = steps.flatMap(({ gates }) => (gates?.[where] ? [gates[where].after] : []));
    const units = (over[0] ?? [])
      .map((_, j) => j)
      .filter((j) => {
        const values = over.map((row) => row[j]);
        return values.every((value) => value < 0.005) || values.every((value) => value > NEAR_ONE);
      });
    return units.length > 0 ? [{ kind: 'dead-gate' as const, where, units }] : [];
  });
}

function mostly(values: readonly number[], test: (value: number) => boolean): boolean {
  return values.filter(test).length >= SHARE * values.length;
}
