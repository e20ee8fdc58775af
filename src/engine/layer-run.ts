import { type RunProgram, stepDtype } from '../domain/program.ts';
import type { FloatArray } from '../domain/tensor.ts';
import { convert } from './convert.ts';
import { type SlicedSequence, sliced } from './sliced.ts';

/**
 * A run whose dtype differs from its cell's: inputs are rounded to the cell's dtype, and outputs from it. The states keep the
 * cell's dtype, before the first step and after the last as in between, so that a sequence may be cut anywhere. Keras
 * RNN.call, which rounds the final states to the layer's dtype too.
 */
export function prepareLayerRun(
  program: RunProgram,
  prepareRun: (program: RunProgram) => SlicedSequence,
): SlicedSequence {
  const { cell, computeDtype, outputDtype = computeDtype } = program;
  const own = stepDtype(cell);
  if (cell.computeDtype === computeDtype && own === outputDtype) return prepareRun(program);
  const prepared = prepareRun({ ...program, computeDtype: cell.computeDtype, outputDtype: own });
  const round = (outputs: readonly FloatArray[]) => outputs.map((output) => convert(output, outputDtype));
  return sliced(function* (request) {
    const inputs = convert(convert(request.inputs, computeDtype), cell.computeDtype);
    const previous = request.previous && convert(request.previous, own);
    const result = yield* prepared.slices({ ...request, inputs, previous });
    return { ...result, sequences: round(result.sequences), last: round(result.last) };
  });
}
