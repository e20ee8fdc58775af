import type { JsonObject } from '../../domain/json.ts';
import { child, fieldProblem } from '../../domain/problems.ts';
import type { ActivationSpec, Dropout, InitializerTemplate } from '../../domain/program.ts';
import { CELL_FIELDS, type CellClass } from './cell-classes.ts';
import { type FieldOptions, type FieldSet, readFields } from './fields.ts';
import { type LayerHead, parseHead, serializeHead } from './layer-head.ts';
import { checkInitializerFits } from './parse-object.ts';

/** The fields of every parsed class: the head, and the whole config as get_config() prints it. */
export interface ParsedBase extends LayerHead {
  readonly config: JsonObject;
}

/** SimpleRNNCell, GRUCell or LSTMCell. */
export interface ParsedCell extends ParsedBase {
  readonly kind: 'cell';
  readonly className: CellClass;
  readonly units: number;
  readonly activation: ActivationSpec;
  /** GRUCell, LSTMCell. */
  readonly recurrentActivation?: ActivationSpec;
  readonly useBias: boolean;
  readonly kernelInitializer: InitializerTemplate;
  readonly recurrentInitializer: InitializerTemplate;
  readonly biasInitializer: InitializerTemplate;
  /** LSTMCell. */
  readonly unitForgetBias?: boolean;
  /** GRUCell. */
  readonly resetAfter?: boolean;
  readonly dropout: Dropout;
}

/**
 * The config of SimpleRNNCell, GRUCell or LSTMCell.
 * @throws {Problem} invalid-request, invalid-config, limit-exceeded
 */
export function parseCell(
  className: CellClass,
  config: JsonObject,
  pointer: string,
  options: FieldOptions,
): ParsedCell {
  const { head, rest } = parseHead(className, config, pointer, options.autoName);
  const set = readFields(className, CELL_FIELDS[className], rest, pointer, options);
  checkInitializers(set, pointer);
  return cellOf(className, head(), set);
}

/** A cell from fields that were read already, perhaps from the config of its layer. */
export function cellOf(className: CellClass, head: LayerHead, set: FieldSet): ParsedCell {
  return {
    kind: 'cell',
    className,
    ...head,
    config: { ...serializeHead(head), ...set.print(CELL_FIELDS[className]) },
    units: required(set.numbers, 'units'),
    activation: required(set.activations, 'activation'),
    recurrentActivation: set.activations.get('recurrent_activation'),
    useBias: required(set.flags, 'use_bias'),
    kernelInitializer: required(set.initializers, 'kernel_initializer'),
    recurrentInitializer: required(set.initializers, 'recurrent_initializer'),
    biasInitializer: required(set.initializers, 'bias_initializer'),
    unitForgetBias: set.flags.get('unit_forget_bias'),
    resetAfter: set.flags.get('reset_after'),
    dropout: {
      inputs: required(set.numbers, 'dropout'),
      recurrent: required(set.numbers, 'recurrent_dropout'),
      seed: set.numbers.get('seed'),
    },
  };
}

/**
 * Refuses initializers that Keras takes and then fails on when it builds the cell.
 * @throws {Problem} invalid-config
 */
export function checkInitializers(set: FieldSet, pointer: string): void {
  for (const key of ['kernel_initializer', 'recurrent_initializer']) {
    checkInitializerFits(required(set.initializers, key), 2, child(pointer, key));
  }
  if (!set.flags.get('use_bias')) return;
  const at = child(pointer, 'bias_initializer');
  if (set.flags.get('unit_forget_bias') && set.json.get('bias_initializer') === null) {
    throw fieldProblem(
      'invalid-config',
      at,
      '`bias_initializer` cannot be null with `unit_forget_bias`. Send "zeros".',
    );
  }
  checkInitializerFits(required(set.initializers, 'bias_initializer'), set.flags.get('reset_after') ? 2 : 1, at);
}

function required<Value>(values: ReadonlyMap<string, Value>, key: string): Value {
  const value = values.get(key);
  if (value === undefined) throw new TypeError(`the table has no ${key}`);
  return value;
}
