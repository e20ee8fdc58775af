import type { Tensor } from '../../domain/tensor.ts';
import type { StatesGiven, TensorInput, TensorLiteral } from '../../domain/tensor-literal.ts';
import type { Cell } from '../cells/cell-record.ts';
import type { CellReader } from '../cells/cells.ts';
import type { Changer } from '../changes/change.ts';
import type { Context } from '../context.ts';
import {
  planSequence,
  readMask,
  runSequence,
  type Sequenced,
  type SequenceOptions,
  type SequencePlan,
} from './run-sequence.ts';
import { readStates } from './states.ts';
import { readBuilt, readInputs, readMaskTensor, requireFeatures } from './step-inputs.ts';

type Needs = Pick<Context, 'store' | 'clock' | 'initialize' | 'limits'>;

/** A sequence as a request describes it. */
export interface SequenceCall extends SequenceOptions {
  readonly inputs: TensorInput;
  readonly initial_state?: StatesGiven;
  readonly mask?: TensorLiteral;
  readonly sequence_lengths?: readonly number[];
}

/** A whole sequence; nothing is stored, but that an unbuilt cell is built by it. */
export async function runCellSequence(
  context: Needs,
  cells: CellReader,
  changer: Changer,
  id: string,
  call: SequenceCall,
): Promise<Sequenced & { readonly cellVersion: number }> {
  const { cell, inputs, states, mask } = await readSequence(context, cells, changer, id, call);
  const sequenced = await runSequence(context, cells, cell, inputs, states, mask, call);
  return { ...sequenced, cellVersion: cell.record.version };
}

/** The built cell of a sequence, and what it is to be run on. `check` looks at the rest of a request that would build it. */
export async function readSequence(
  context: Needs,
  cells: CellReader,
  changer: Changer,
  id: string,
  call: SequenceCall,
  check: (found: Cell, plan: SequencePlan) => Promise<void> = async () => undefined,
): Promise<{ cell: Cell; inputs: Tensor; states: Tensor[]; mask: Uint8Array | undefined }> {
  const found = await cells.read(id);
  const inputs = await readInputs(context, found, call.inputs, [3]);
  const timeMajor = call.time_major ?? found.definition.layout.timeMajor;
  const [batch, time] = timeMajor ? [inputs.shape[1], inputs.shape[0]] : inputs.shape;
  const states = await readStates(context, found, call.initial_state, batch, '/initial_state');
  const mask = readMask(readMaskTensor(call.mask, false), call.sequence_lengths, batch, time);
  // Whatever is wrong with the request is found before the cell is built by it.
  if (!found.record.input_shape) await check(found, planSequence(context, found, inputs, states, mask, call));
  const cell = await readBuilt(context, cells, changer, found, inputs, batch, time, call.trace);
  requireFeatures(cell, inputs);
  return { cell, inputs, states, mask };
}
