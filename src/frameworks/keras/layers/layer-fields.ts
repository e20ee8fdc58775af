import type { Json } from '../../../domain/json.ts';
import type { Field, Fields } from '../cell-classes.ts';

/** Fields that several classes of layers have. */

export function flag(value: boolean): Field {
  return { kind: 'flag', default: value };
}

export function json(value?: Json): Field {
  return { kind: 'json', default: value };
}

export function choice(...choices: readonly [Json, ...Json[]]): Field {
  return { kind: 'choice', choices, default: choices[0] };
}

export function number(value?: number): Field {
  return { kind: 'number', default: value };
}

export const COUNT: Field = { kind: 'count' };
export const ACTIVATION: Field = { kind: 'activation', default: null };
export const REGULARIZER: Field = { kind: 'regularizer', default: null };
export const CONSTRAINT: Field = { kind: 'constraint', default: null };
/** It is read with the head of the config. The entry only marks its place in the printed config. */
export const ACTIVITY_REGULARIZER: Fields = { activity_regularizer: REGULARIZER };
/** Quantized layers have other variables. */
export const NOT_QUANTIZED: Fields = { quantization_config: choice(null) };
export const CHANNELS_LAST: Fields = { data_format: choice('channels_last') };

export function initializer(value: Json): Field {
  return { kind: 'initializer', default: value };
}
