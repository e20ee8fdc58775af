import { GATES } from '../../src/domain/program.ts';
import { type FloatArray, Tensor } from '../../src/domain/tensor.ts';
import { writeOnnx } from '../../src/files/onnx/writer.ts';
import { frameworkBias, frameworkMatrix, ONNX_GATES } from '../../src/frameworks/gate-blocks.ts';
import { asyncCalls, type Contender } from '../measure.ts';
import { nodePeer } from '../peers.ts';
import { argumentsOf, type BenchCell, type Work } from '../random-cells.ts';

/** What is used of onnxruntime-node. */
interface OnnxRuntime {
  readonly Tensor: new (
    type: 'float32' | 'int64',
    data: Float32Array | BigInt64Array,
    dims: readonly number[],
  ) => unknown;
  readonly InferenceSession: {
    create(model: Uint8Array, options: object): Promise<Session>;
  };
}

interface Session {
  run(feeds: Readonly<Record<string, unknown>>): Promise<unknown>;
}

const ONE_THREAD = { intraOpNumThreads: 1, interOpNumThreads: 1, executionProviders: ['cpu'] };

/** One step of a graph with a token `x` [1, 1] and a state `h` [1, 1, 128]. @throws {MissingPeer} */
export async function onnxRuntimeGraph(graph: Uint8Array): Promise<Contender> {
  const ort = nodePeer<OnnxRuntime>('onnxruntime-node');
  const session = await ort.InferenceSession.create(graph, ONE_THREAD);
  const feeds = {
    x: new ort.Tensor('int64', BigInt64Array.of(3n), [1, 1]),
    h: new ort.Tensor('float32', new Float32Array(128), [1, 1, 128]),
  };
  return asyncCalls('onnxruntime-node', () => session.run(feeds));
}

/** The work by onnxruntime-node on one thread, with tensors that are made beforehand. @throws {MissingPeer} */
export async function onnxRuntime(work: Work): Promise<Contender> {
  const ort = nodePeer<OnnxRuntime>('onnxruntime-node');
  const { cell, batch, time } = work;
  const session = await ort.InferenceSession.create(model(cell), ONE_THREAD);
  const { inputs, states } = argumentsOf(work);
  const state = (values: Float32Array) => new ort.Tensor('float32', values, [1, batch, cell.units]);
  const feeds = {
    X: new ort.Tensor('float32', inputs, [time, batch, cell.features]),
    initial_h: state(states[0]),
    ...(cell.kind === 'lstm' ? { initial_c: state(states[1]) } : {}),
  };
  return asyncCalls('onnxruntime-node', () => session.run(feeds));
}

function model(cell: BenchCell): Uint8Array {
  const { kind, units, features } = cell;
  const columns = GATES[kind].length * units;
  const tensor = (shape: readonly number[], values: FloatArray) => new Tensor('float32', shape, float32(values));
  const matrix = (values: FloatArray, inner: number) =>
    tensor([1, columns, inner], frameworkMatrix(values, inner, kind, ONNX_GATES));
  const zeros = new Float32Array(columns);
  const halves = [cell.bias ?? zeros, (cell.kind === 'gru' && cell.recurrentBias) || zeros];
  const bias = new Float32Array(2 * columns);
  for (const [k, half] of halves.entries()) bias.set(frameworkBias(half, kind, ONNX_GATES), k * columns);
  return writeOnnx({
    name: 'cell',
    framework: 'onnx',
    className: kind === 'lstm' ? 'LSTM' : 'GRU',
    config: { hidden_size: units, ...(cell.kind === 'gru' ? { linear_before_reset: Number(cell.resetAfter) } : {}) },
    weights: new Map([
      ['W', matrix(cell.kernel, features)],
      ['R', matrix(cell.recurrentKernel, units)],
      ['B', tensor([1, 2 * columns], bias)],
    ]),
  });
}

function float32(values: FloatArray): Float32Array {
  return values instanceof Float32Array ? values : Float32Array.from(values);
}
