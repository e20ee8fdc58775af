import type { JsonObject } from '../../domain/json.ts';
import { checkSize } from '../place.ts';
import { type ParsedBidirectional, parseBidirectional } from './bidirectional-config.ts';
import type { KerasClass } from './cell-classes.ts';
import { type CellBudget, type ParsedRnn, type ParsedStack, parseRnn, parseStack } from './composite-config.ts';
import type { FieldOptions } from './fields.ts';
import { type ParsedCell, parseCell } from './parse-cell.ts';
import { type ParsedCellLayer, parseCellLayer } from './parse-layer.ts';
import { requireKerasClass } from './serialized.ts';

/** A parsed config: `config` is equal to Keras' get_config(), key for key, in order; the rest is what it means. */
export type ParsedKeras = ParsedCell | ParsedStack | ParsedCellLayer | ParsedRnn | ParsedBidirectional;

export interface KerasConfigOptions extends FieldOptions {
  /** The most cells inside a composite, all together. */
  readonly maxCells?: number;
  /** Pointer to the config in the request. */
  readonly pointer?: string;
}

const DEFAULT_MAX_CELLS = 64;

/**
 * The config of any recurrent class of Keras, as get_config() prints it or with keys left out. Keras names an unnamed layer
 * when it is made, which is after the cells inside it: `autoName` is called in that order.
 * @throws {Problem} invalid-config for an unknown class or an impossible value; invalid-request for an unknown or missing key
 * or a wrong type; limit-exceeded
 */
export function parseKerasConfig(className: string, config: JsonObject, options: KerasConfigOptions): ParsedKeras {
  const { maxCells = DEFAULT_MAX_CELLS, pointer = '/config' } = options;
  checkSize(config, pointer);
  return parseClass(requireKerasClass(className, '/class_name'), config, pointer, options, { cells: 0, maxCells });
}

function parseClass(
  className: KerasClass,
  config: JsonObject,
  pointer: string,
  options: FieldOptions,
  budget: CellBudget,
): ParsedKeras {
  switch (className) {
    case 'SimpleRNNCell':
    case 'GRUCell':
    case 'LSTMCell':
      return parseCell(className, config, pointer, options);
    case 'SimpleRNN':
    case 'GRU':
    case 'LSTM':
      return parseCellLayer(className, config, pointer, options);
    case 'StackedRNNCells':
      return parseStack(config, pointer, options, budget);
    case 'RNN':
      return parseRnn(config, pointer, options, budget);
    case 'Bidirectional':
      return parseBidirectional(config, pointer, options, budget);
  }
}
