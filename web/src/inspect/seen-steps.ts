import type { Cell, KeptStep } from '../api/types.ts';
import { statesOfRow } from '../model/foreign.ts';
import type { Moment } from '../model/moment.ts';

/** A step of a session, of one row of its batch. */
export interface SeenStep {
  readonly step: number;
  readonly states: readonly (readonly number[])[];
}

/** What is known of a step that was taken elsewhere: the states before it and after it. */
export function momentAt(steps: readonly SeenStep[], step: number): Moment | undefined {
  const index = steps.findIndex((seen) => seen.step === step);
  const after = steps[index]?.states;
  if (!after) return undefined;
  const before = steps[index - 1];
  const former = before?.step === step - 1 ? before.states : after.map(() => []);
  return { x: [], former, states: after, output: [], gates: {} };
}

/** The steps as one row of the batch saw them. */
export function stepsOfRow(steps: readonly KeptStep[], row: number, cell: Cell | undefined): SeenStep[] {
  return steps.map(({ step, states }) => ({ step, states: statesOfRow(cell?.state_shapes, states, row) }));
}
