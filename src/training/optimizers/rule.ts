import type { NamedSpec } from '../../domain/learning.ts';
import type { Dtype, FloatArray } from '../../domain/tensor.ts';

/** The slots that a rule keeps for each variable, in the shape of the variable. */
export interface Slot {
  readonly name: string;
  readonly initial: number;
}

/** The numbers that an update needs. */
export interface Moment {
  /** Updates so far, this one included. */
  readonly t: number;
  readonly learningRate: number;
  /** The dtype of the variable. Keras casts its hyper-parameters to it. */
  readonly dtype: Dtype;
}

/** How an optimizer changes one variable. All its arrays have one length; an update may be made part by part. */
export interface Rule {
  readonly slots: readonly Slot[];
  /**
   * Changes `variable` and `slots` in place. `squares` are the squares of the gradient, if they differ from its values'
   * squares.
   */
  update(
    variable: FloatArray,
    gradient: FloatArray,
    slots: readonly FloatArray[],
    moment: Moment,
    squares?: FloatArray,
  ): void;
}

export type RuleParameters = NamedSpec['params'];

export function zeroSlot(name: string): Slot {
  return { name, initial: 0 };
}
