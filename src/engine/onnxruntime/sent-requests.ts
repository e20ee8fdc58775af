import type { GraphProgram, GraphRequest, GraphResult } from '../../domain/graph.ts';
import type { Tensor } from '../../domain/tensor.ts';
import { encodeElements, viewElements } from '../../domain/tensor-bytes.ts';
import type { RowResult, SentRequest, SentTensors } from './messages.ts';

/** What a program is as a part of a message. */
export function interfaceOf({ inputs, constants, states, outputs }: GraphProgram) {
  return {
    inputs,
    constants: constants.map(([name, tensor]) => [name, toSent(tensor)] as const),
    states: states.map(({ name, output }) => ({ name, output })),
    outputs,
  };
}

export function sentOf({ rows, everyState }: GraphRequest): SentRequest {
  const sent = rows.map(({ runs, inputs, states }) => ({
    runs,
    inputs: inputs.map(({ tensor, perRun }) => toSent(tensor, perRun)),
    states: states.map((state) => toSent(state)),
  }));
  return { rows: sent, everyState };
}

/** `many`: its first axis is that of several tensors. */
function toSent(tensor: Tensor, many = false): SentTensors {
  const { dtype, shape } = tensor;
  const bytes = encodeElements(tensor);
  return many ? { dtype, shape: shape.slice(1), count: shape[0], bytes } : { dtype, shape, count: 1, bytes };
}

/** Its tensors are views of what was sent. */
export function resultOf({ outputs, states }: RowResult, runs: number, everyState: boolean): GraphResult {
  return { outputs: byRun(outputs, runs), states: byRun(states, everyState ? runs : 1) };
}

/** Views of what was sent. */
function tensorsOf(sent: readonly SentTensors[]): Tensor[] {
  return sent.flatMap(({ dtype, shape, count, bytes }) => {
    const size = bytes.length / count;
    return Array.from({ length: count }, (_, k) =>
      viewElements(dtype, shape, bytes.subarray(k * size, (k + 1) * size)),
    );
  });
}

/** From a list for each name to a list for each run. */
function byRun(sent: RowResult['outputs'], runs: number): Tensor[][] {
  const tensors = sent.map(tensorsOf);
  return Array.from({ length: runs }, (_, run) => tensors.map((own) => own[run]));
}
