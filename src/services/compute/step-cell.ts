import type { Training } from '../../domain/ports.ts';
import type { StatesGiven, TensorInput } from '../../domain/tensor-literal.ts';
import type { CellReader } from '../cells/cells.ts';
import type { Changer } from '../changes/change.ts';
import type { Context } from '../context.ts';
import { runStep, type Stepped } from './run-steps.ts';
import { readStates } from './states.ts';
import { readBuilt, readInputs, requireFeatures, trainingFor } from './step-inputs.ts';

export interface StepRequest {
  readonly inputs: TensorInput;
  readonly states?: StatesGiven;
  readonly trace: boolean;
  readonly training?: Training;
}

/** One step from the states that the client carries; nothing is stored, but that an unbuilt cell is built by it. */
export async function stepCell(
  context: Pick<Context, 'store' | 'clock' | 'initialize' | 'limits'>,
  cells: CellReader,
  changer: Changer,
  id: string,
  request: StepRequest,
): Promise<Stepped & { readonly cellVersion: number }> {
  const found = await cells.read(id);
  cells.requireSteps(found);
  const inputs = await readInputs(context, found, request.inputs, [2]);
  const states = await readStates(context, found, request.states, inputs.shape[0], '/states');
  const training = trainingFor(found, request.training);
  const cell = await readBuilt(context, cells, changer, found, inputs, inputs.shape[0], 1, request.trace);
  requireFeatures(cell, inputs);
  const options = { trace: request.trace, training };
  const stepped = await runStep(context, cell, cells.prepare(cell), inputs, states, options);
  return { ...stepped, cellVersion: cell.record.version };
}
