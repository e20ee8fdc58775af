import type { GraphEdge, GraphFiles, HiddenState } from '../../domain/graph.ts';
import type { Limits } from '../../domain/limits.ts';
import { Problem } from '../../domain/problems.ts';
import type { Tensor } from '../../domain/tensor.ts';
import { DEFAULT_FILE_LIMITS, type FileLimits, requireWithin } from '../bounds.ts';
import { withDataInside } from './data-inside.ts';
import { dtypeOfElements, nameOfElements } from './element-types.ts';
import { type GraphTree, readGraphTree, type ValueInfo } from './graph-tree.ts';
import { type FoundStates, findHiddenStates } from './hidden-states.ts';
import { openStates } from './open-states.ts';
import { decodeRecord } from './tensor.ts';

const FORMAT = 'ONNX';

/** ONNX files as whole graphs. */
export function createGraphFiles({ maxCheckpointBytes }: Pick<Limits, 'maxCheckpointBytes'>): GraphFiles {
  const limits = {
    ...DEFAULT_FILE_LIMITS,
    maxFileBytes: maxCheckpointBytes,
    maxUnpackedBytes: maxCheckpointBytes,
  };
  return {
    read(bytes) {
      const tree = readGraphTree(bytes, limits);
      const { hidden, closed } = findHiddenStates(tree, limits);
      const { variables, left } = variablesOf(tree, limits);
      const skipped = [...closed, ...left];
      return { inputs: tree.inputs.map(edgeOf), outputs: tree.outputs.map(edgeOf), variables, hidden, skipped };
    },
    inside: (bytes, beside) => withDataInside(bytes, beside, limits),
    variables: (bytes) => variablesOf(readGraphTree(bytes, limits), limits).variables,
    open(bytes, names) {
      if (names.length === 0) return bytes;
      const { hidden } = findHiddenStates(readGraphTree(bytes, limits), limits);
      return openStates(bytes, pick(hidden, names), limits);
    },
  };
}

function pick(hidden: FoundStates['hidden'], names: readonly string[]): HiddenState[] {
  return names.map((name) => {
    const state = hidden.find((one) => one.name === name);
    if (!state) throw new Problem('invalid-file', `The graph has no state '${name}' inside.`);
    return state;
  });
}

function edgeOf({ name, elemType, shape }: ValueInfo): GraphEdge {
  const dtype = dtypeOfElements(elemType);
  return { name, type: nameOfElements(elemType), ...(dtype ? { dtype } : {}), ...(shape ? { shape } : {}) };
}

/** The initializers with a dtype that cells have, and the other ones. */
function variablesOf({ initializers }: GraphTree, limits: FileLimits) {
  const variables = new Map<string, Tensor>();
  const left: { name: string; reason: string }[] = [];
  let bytes = 0;
  requireWithin(FORMAT, 'initializers', initializers.length, limits.maxTensors);
  for (const record of initializers) {
    const { name, dataType } = record;
    if (!dtypeOfElements(Number(dataType))) {
      left.push({ name, reason: `Its type ${nameOfElements(Number(dataType))} is not shown as a variable.` });
      continue;
    }
    const tensor = decodeRecord(record, new Map());
    bytes += tensor.data.byteLength;
    requireWithin(FORMAT, 'unpacked bytes', bytes, limits.maxUnpackedBytes);
    variables.set(name, tensor);
  }
  return { variables, left };
}
