import type { JsonObject } from '../../domain/json.ts';
import { snakeCase } from '../../domain/words.ts';
import { CELL_OF_LAYER, LAYER_FIELDS, type LayerClass } from './cell-classes.ts';
import { type FieldOptions, type FieldSet, readFields } from './fields.ts';
import { type LayerHead, parseHead, serializeHead } from './layer-head.ts';
import { cellOf, checkInitializers, type ParsedBase, type ParsedCell } from './parse-cell.ts';

/** How a layer runs its cell over a sequence. */
export interface SequenceOptions {
  readonly returnSequences: boolean;
  readonly returnState: boolean;
  readonly goBackwards: boolean;
  readonly stateful: boolean;
  readonly unroll: boolean;
  readonly zeroOutputForMask: boolean;
}

/** SimpleRNN, GRU or LSTM: a layer that is one cell. */
export interface ParsedCellLayer extends ParsedBase, SequenceOptions {
  readonly kind: 'layer';
  readonly className: LayerClass;
  readonly cell: ParsedCell;
}

/**
 * The config of SimpleRNN, GRU or LSTM.
 * @throws {Problem} invalid-request, invalid-config, limit-exceeded
 */
export function parseCellLayer(
  className: LayerClass,
  config: JsonObject,
  pointer: string,
  options: FieldOptions,
): ParsedCellLayer {
  const { head: named, rest } = parseHead(className, config, pointer, options.autoName);
  const fields = LAYER_FIELDS[className];
  const set = readFields(className, fields, rest, pointer, options);
  checkInitializers(set, pointer);
  const cellClass = CELL_OF_LAYER[className];
  const given = named();
  // Keras' SimpleRNN takes an activity regularizer and forgets it.
  const head: LayerHead = className === 'SimpleRNN' ? { ...given, activityRegularizer: null } : given;
  const cellHead: LayerHead = { ...head, name: snakeCase(cellClass), activityRegularizer: null };
  return {
    kind: 'layer',
    className,
    ...head,
    config: { ...serializeHead(head), ...withActivityRegularizer(set.print(fields), head) },
    ...sequenceOptions(set),
    cell: cellOf(cellClass, cellHead, set),
  };
}

export function sequenceOptions({ flags }: FieldSet): SequenceOptions {
  return {
    returnSequences: flags.get('return_sequences') === true,
    returnState: flags.get('return_state') === true,
    goBackwards: flags.get('go_backwards') === true,
    stateful: flags.get('stateful') === true,
    unroll: flags.get('unroll') === true,
    zeroOutputForMask: flags.get('zero_output_for_mask') === true,
  };
}

/** These layers print it once more, after bias_regularizer. */
function withActivityRegularizer(printed: JsonObject, { activityRegularizer }: LayerHead): JsonObject {
  const entries = Object.entries(printed);
  const place = entries.findIndex(([key]) => key === 'bias_regularizer') + 1;
  return Object.fromEntries(entries.toSpliced(place, 0, ['activity_regularizer', activityRegularizer]));
}
