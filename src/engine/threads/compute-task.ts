import type { Runnable, Steppable } from '../../domain/network.ts';
import type {
  GradientRequest,
  GradientResult,
  Precision,
  SequenceRequest,
  SequenceResult,
  StepOptions,
  StepResult,
  TrainingRequest,
  TrainingResult,
} from '../../domain/ports.ts';
import type { FieldError, ProblemCode } from '../../domain/problems.ts';
import type { FloatArray } from '../../domain/tensor.ts';

/** Rows of a step: inputs [rows, features], states one [rows, width] each. */
export interface StepRows {
  readonly inputs: FloatArray;
  readonly states: readonly FloatArray[];
  readonly rows: number;
  readonly options?: StepOptions;
}

/** What a thread is to compute, and how: `calls` has what goes in and what comes out, by the kind of work. */
export interface ComputeCalls {
  readonly step: {
    readonly program: Steppable;
    readonly request: StepRows;
    readonly result: StepResult;
  };
  readonly sequence: {
    readonly program: Runnable;
    readonly request: SequenceRequest;
    readonly result: SequenceResult;
  };
  readonly gradients: {
    readonly program: Runnable;
    readonly request: GradientRequest;
    readonly result: GradientResult;
  };
  readonly training: {
    readonly program: Runnable;
    readonly request: TrainingRequest;
    readonly result: TrainingResult;
  };
}

export type ComputeKind = keyof ComputeCalls;

export interface ComputeTask<K extends ComputeKind = ComputeKind> {
  readonly kind: K;
  readonly precision: Precision;
  /** Names the program among those of this process: a thread keeps it prepared under this name. */
  readonly id: number;
  /** Its weights in shared memory. */
  readonly program: ComputeCalls[K]['program'];
  readonly request: ComputeCalls[K]['request'];
}

/** What comes back: a result, or what a client is to be told. Anything else is a failure of the thread. */
export type ComputeAnswer<K extends ComputeKind = ComputeKind> =
  | { readonly result: ComputeCalls[K]['result'] }
  | {
      readonly problem: { readonly code: ProblemCode; readonly detail: string; readonly errors: readonly FieldError[] };
    };
