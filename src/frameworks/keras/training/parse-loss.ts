import { type Json, quote } from '../../../domain/json.ts';
import { type LossSpec, REDUCTIONS, type Reduction } from '../../../domain/learning.ts';
import { child, fieldProblem } from '../../../domain/problems.ts';
import { own } from '../../place.ts';
import { readParameters } from '../parameters.ts';
import { KERAS_LOSSES } from './known.ts';
import { unknownName, unwrapObject } from './unwrap-object.ts';

const NAMES = Object.values(KERAS_LOSSES).flatMap(({ identifiers }) => identifiers);

/**
 * A loss by any identifier that keras.losses.get() takes: a class' or function's name, or a serialized loss.
 * @throws {Problem} invalid-config, limit-exceeded
 */
export function parseLoss(sent: Json, pointer: string): LossSpec {
  const { name, config, configPointer } = unwrapObject('loss', Object.keys(KERAS_LOSSES), sent, pointer);
  const className = Object.keys(KERAS_LOSSES).find((known) => KERAS_LOSSES[known].identifiers.includes(name));
  if (className === undefined) throw unknownName('loss', NAMES, name, pointer);
  const { name: _name, dtype: _dtype, reduction: _reduction, ...parameters } = config;
  const reduction = parseReduction(own(config, 'reduction'), child(configPointer, 'reduction'));
  const { values } = readParameters(className, KERAS_LOSSES[className].parameters, parameters, configPointer);
  return { className, params: values, reduction };
}

function parseReduction(sent: Json | undefined, pointer: string): Reduction {
  if (sent === undefined) return 'sum_over_batch_size';
  const reduction = REDUCTIONS.find((known) => known === (sent ?? 'none'));
  if (reduction) return reduction;
  const detail = `\`reduction\` is ${quote(sent)}; send one of ${REDUCTIONS.join(', ')}, or null.`;
  throw fieldProblem('invalid-config', pointer, detail);
}
