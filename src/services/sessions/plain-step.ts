import type { ExpectedVersion } from '../../domain/conditions.ts';
import type { TensorLiteral } from '../../domain/tensor-literal.ts';
import type { Repeatable } from '../changes/once.ts';
import type { Within } from '../changes/one-of-many.ts';
import type { Stepped } from '../compute/step-cell.ts';
import type { SequenceStep } from './step-sequence.ts';
import type { SteppedSession } from './step-session.ts';

/** A step of a session with inputs [batch_size, features] and without any option but one. */
export interface PlainStep<R> {
  readonly session: string;
  readonly inputs: TensorLiteral;
  /** Whether its answer has the states too. */
  readonly return_states: boolean;
  readonly expected?: ExpectedVersion;
  readonly once?: Repeatable<R>;
  readonly within?: Within;
  /** Set if it is a step of a sequence; one that begins or ends it is decided alone. */
  readonly sequence?: SequenceStep;
  /** Called once: with its answer, or why it was refused. */
  settle(end: R | Error): void;
}

/** What a step is answered with. */
export interface StepAnswer {
  readonly step: number;
  readonly version: number;
  readonly cell_version: number;
  /** Without states if the step did not ask for them. */
  readonly stepped: Stepped;
}

export function answerOf({ session: { record }, stepped }: SteppedSession): StepAnswer {
  const { step, version, cell_version } = record;
  return { step, version, cell_version, stepped };
}

/** The answers to steps. They are made before the commit, so that an answer cannot fail after it. */
export type AnswerSteps<R, S> = (stepped: readonly StepAnswer[], steps: readonly S[]) => readonly (R | Error)[];
