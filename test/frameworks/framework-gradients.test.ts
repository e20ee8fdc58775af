import { describe, expect, it } from 'vitest';
import type { CellDefinition, Weights } from '../../src/domain/cell-definition.ts';
import type { JsonObject } from '../../src/domain/json.ts';
import type { SequenceRequest } from '../../src/domain/ports.ts';
import { fromFloat64 } from '../../src/domain/tensor.ts';
import { referenceEngine } from '../../src/engine/reference.ts';
import { onnxCell } from '../../src/frameworks/onnx/definitions.ts';
import { pytorchCell } from '../../src/frameworks/pytorch/definitions.ts';
import { type GoldenTensor, readGolden } from '../cells/golden-data.ts';
import { goldenArray, goldenTensors, sequenceRequest } from './run-definition.ts';

interface TorchCase {
  readonly name: string;
  readonly module: { readonly class_name: string; readonly kwargs: JsonObject };
  readonly weights: Record<string, GoldenTensor>;
  readonly inputs: GoldenTensor;
  readonly initial_state: GoldenTensor[] | null;
}
interface NodeCase {
  readonly name: string;
  readonly op: string;
  readonly attributes: JsonObject;
  readonly inputs: Record<string, GoldenTensor>;
}

interface Subject {
  readonly name: string;
  readonly definition: CellDefinition;
  readonly weights: Weights;
  readonly request: SequenceRequest;
}

const torch = readGolden<{ cases: TorchCase[] }>('pytorch_cells.json').cases.map((one): Subject => {
  const { module, inputs, initial_state } = one;
  const definition = pytorchCell(module.class_name, { ...module.kwargs, dtype: 'torch.float64' }, { maxUnits: 64 });
  const { shape, data } = goldenArray(inputs);
  // A cell's single step is a sequence of one.
  const sequence = { shape: shape.length === 2 ? [shape[0], 1, shape[1]] : shape, data };
  const request = sequenceRequest(definition, sequence, initial_state?.map(goldenArray));
  return { name: `PyTorch ${one.name}`, definition, weights: goldenTensors(one.weights, 'float64'), request };
});

const nodes = readGolden<{ cases: NodeCase[] }>('onnx_nodes/onnxruntime.json').cases.map((one): Subject => {
  const { op, attributes, inputs } = one;
  const definition = onnxCell(op, { ...attributes, dtype: 'float64' }, { maxUnits: 64 });
  const given = Object.entries(inputs).filter(([name]) => ['W', 'R', 'B', 'P'].includes(name));
  const lengths = inputs.sequence_lens?.data.map(Number);
  const request = sequenceRequest(definition, goldenArray(inputs.X), undefined, lengths);
  return {
    name: `ONNX ${one.name}`,
    definition,
    weights: goldenTensors(Object.fromEntries(given), 'float64'),
    request,
  };
});

const SAMPLES = 6;
const STEP = 1e-5;

describe('the gradients of a framework belong to its own variables', () => {
  it.each([...torch, ...nodes])('$name', ({ definition, weights, request }) => {
    const { goBackwards } = definition.sequenceDefaults;
    const features = request.inputs.length / (request.batch * request.time);
    const program = (changed: Weights) => definition.sequence(features, changed, goBackwards);
    const outputs = (changed: Weights) => referenceEngine.prepareSequence(program(changed)).run(request).sequences[0];
    // Any weights of the outputs will do; these are all different.
    const cotangent = Float64Array.from(outputs(weights), (_, i) => Math.sin(i + 1));
    const loss = (changed: Weights) =>
      Float64Array.from(outputs(changed)).reduce((sum, value, i) => sum + value * cotangent[i], 0);

    const { cells } = referenceEngine
      .prepareGradients(program(weights))
      .run({ ...request, cotangents: [cotangent], returnSequences: true });
    const gradients = definition.gradients({ cells });
    expect(Object.keys(gradients)).toEqual(Object.keys(weights));
    for (const [name, { dtype, shape, data }] of Object.entries(weights)) {
      expect(gradients[name].length).toBe(data.length);
      const stride = Math.max(1, Math.floor(data.length / SAMPLES));
      for (let i = 0; i < data.length; i += stride) {
        const lossAt = (change: number) => {
          const values = Float64Array.from(data as Float64Array);
          values[i] += change;
          return loss({ ...weights, [name]: fromFloat64(dtype, shape, values) });
        };
        const difference = (lossAt(STEP) - lossAt(-STEP)) / (2 * STEP);
        expect(Math.abs(gradients[name][i] - difference), `${name}[${i}]`).toBeLessThan(1e-7);
      }
    }
  });
});
