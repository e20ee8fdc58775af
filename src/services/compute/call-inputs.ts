import { stepRank } from '../../domain/cell-definition.ts';
import type { Training } from '../../domain/ports.ts';
import { fieldProblem } from '../../domain/problems.ts';
import { formatShape, type Tensor } from '../../domain/tensor.ts';
import { literalToTensor, type TensorInput, type TensorLiteral } from '../../domain/tensor-literal.ts';
import { hasDropout } from '../../domain/training.ts';
import { counted } from '../../domain/words.ts';
import type { Cell } from '../cells/cell-record.ts';
import type { Ports } from '../ports.ts';
import { resolveTensor } from './resolve-tensor.ts';

/** The forms that a request's inputs may have. */
export type InputForm = 'step' | 'sequence';

/** The inputs of a step or a sequence, in the cell's compute dtype. @throws {Problem} if they have neither form */
export function readInputs(
  context: Pick<Ports, 'store' | 'limits' | 'ops'>,
  { definition }: Cell,
  input: TensorInput,
  forms: readonly InputForm[],
): Tensor | Promise<Tensor> {
  const inputs = resolveTensor(context, input, definition.computeDtype, '/inputs');
  if (inputs instanceof Promise) return inputs.then((read) => requireForm(definition, read, forms));
  return requireForm(definition, inputs, forms);
}

function requireForm(definition: Cell['definition'], inputs: Tensor, forms: readonly InputForm[]): Tensor {
  const rank = stepRank(definition);
  if (forms.some((form) => inputs.shape.length === (form === 'step' ? rank : rank + 1))) return inputs;
  const wanted = forms.map((form) => formText(definition, form)).join(' or ');
  const detail = `'inputs' has shape ${formatShape(inputs.shape)}. Send ${wanted}.`;
  throw fieldProblem('wrong-shape', '/inputs', detail);
}

function formText({ inputDims, layout }: Cell['definition'], form: InputForm): string {
  const lead = form === 'step' ? 'batch' : layout.timeMajor ? 'time, batch' : 'batch, time';
  if (inputDims?.length === 0) return `[${lead}] of token ids`;
  return `[${lead}, ${inputDims && inputDims.length > 1 ? inputDims.join(', ') : 'features'}]`;
}

interface Masking {
  readonly mask?: TensorLiteral;
  readonly sequence_lengths?: readonly number[];
}

/**
 * The mask of a request as 0 and 1, [batch, time]: the mask that was sent, or 0 after the lengths that were sent.
 * @throws {Problem} wrong-shape, value-out-of-range, invalid-value
 */
export function readMask(
  { mask, sequence_lengths: lengths }: Masking,
  single: boolean,
  batch: number,
  time: number,
): Uint8Array | undefined {
  if (mask) return sentMask(literalToTensor(mask, 'bool', '/mask'), single, batch, time);
  if (!lengths) return undefined;
  if (lengths.length !== batch) {
    const detail = `'sequence_lengths' has ${counted(lengths.length, 'value')}; these inputs have ${counted(batch, 'row')}.`;
    throw fieldProblem('wrong-shape', '/sequence_lengths', detail);
  }
  const over = lengths.findIndex((length) => length > time);
  if (over >= 0) {
    const detail = `Length ${lengths[over]} is longer than the sequence of ${counted(time, 'step')}.`;
    throw fieldProblem('invalid-value', `/sequence_lengths/${over}`, detail);
  }
  const live = new Uint8Array(batch * time);
  lengths.forEach((length, row) => {
    live.fill(1, row * time, row * time + length);
  });
  return live;
}

/** [batch, time] or [batch, time, 1]; for a single step also [batch]. */
function sentMask({ shape: sent, data }: Tensor, single: boolean, batch: number, time: number): Uint8Array {
  const shape = single && sent.length === 1 ? [...sent, 1] : sent;
  const [b, t, one = 1] = shape;
  if (shape.length < 2 || shape.length > 3 || b !== batch || t !== time || one !== 1) {
    const detail = `'mask' has shape ${formatShape(shape)}; these inputs have ${counted(batch, 'row')} of ${counted(time, 'step')}. Send [${batch},${time}].`;
    throw fieldProblem('wrong-shape', '/mask', detail);
  }
  return data as Uint8Array;
}

/**
 * The training options of a request. Checks that every cell with dropout has a seed, from the request or its config.
 * @throws {Problem} invalid-request if a cell has no seed, invalid-value if training needs a dropout that this service
 * cannot compute
 */
export function trainingFor({ definition }: Cell, given: Training | undefined): Training | undefined {
  if (!given) return undefined;
  const { framework, className, config, dropouts = [] } = definition;
  // PyTorch drops out between layers, so a single layer has nothing to drop out.
  if (framework === 'pytorch' && Number(config.dropout ?? 0) > 0 && Number(config.num_layers ?? 1) > 1) {
    const detail = `${className}'s dropout between layers cannot be computed. Send training: false, or set its dropout to 0.`;
    throw fieldProblem('invalid-value', '/training', detail);
  }
  if (given.seed !== undefined || dropouts.every((dropout) => dropout.seed !== undefined || !hasDropout(dropout))) {
    return given;
  }
  const detail = `training: true needs a seed for its dropout masks, and the config of ${className} has none. Send seed.`;
  throw fieldProblem('invalid-request', '/seed', detail);
}
