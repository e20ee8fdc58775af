import { createHash } from 'node:crypto';
import type { GraphEdge, GraphModel, HiddenState } from '../../domain/graph.ts';
import { Problem } from '../../domain/problems.ts';
import type { Tensor } from '../../domain/tensor.ts';
import { type FileLimits, requireWithin } from '../bounds.ts';
import { dtypeOfElements, nameOfElements } from './element-types.ts';
import { type GraphTree, readGraphTree, type ValueInfo } from './graph-tree.ts';
import { type FoundStates, findHiddenStates } from './hidden-states.ts';
import { openStates } from './open-states.ts';
import { decodeRecord, unpacking } from './tensor.ts';

const FORMAT = 'ONNX';

/** What a file says of its graph. @throws {Problem} invalid-file, limit-exceeded */
export function readGraphModel(file: Uint8Array, limits: FileLimits): GraphModel {
  const tree = readGraphTree(file, limits);
  requireWithin(FORMAT, 'inputs and outputs', tree.inputs.length + tree.outputs.length, limits.maxTensors);
  const { hidden, closed } = findHiddenStates(tree, limits);
  const { variables, left } = variablesOf(tree, limits);
  return {
    sha256: createHash('sha256').update(file).digest('hex'),
    inputs: tree.inputs.map(edgeOf),
    outputs: tree.outputs.map(edgeOf),
    variables: new Map([...variables].map(([name, { dtype, shape }]) => [name, { dtype, shape }])),
    hidden,
    skipped: [...closed, ...left],
  };
}

/** The same file with these hidden states as inputs and outputs of its graph. @throws {Problem} invalid-file if it has no such state */
export function openedGraph(file: Uint8Array, limits: FileLimits, names: readonly string[]): Uint8Array {
  const { hidden } = findHiddenStates(readGraphTree(file, limits), limits);
  return openStates(file, pick(hidden, names), limits);
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

/** The initializers with a dtype that cells have, and the other ones. @throws {Problem} invalid-file, limit-exceeded */
export function variablesOf({ initializers }: GraphTree, limits: FileLimits) {
  const variables = new Map<string, Tensor>();
  const left: { name: string; reason: string }[] = [];
  const take = unpacking(limits);
  requireWithin(FORMAT, 'initializers', initializers.length, limits.maxTensors);
  for (const record of initializers) {
    const { name, dataType } = record;
    if (dtypeOfElements(Number(dataType))) variables.set(name, decodeRecord(record, new Map(), take));
    else left.push({ name, reason: `Its type ${nameOfElements(Number(dataType))} is not shown as a variable.` });
  }
  return { variables, left };
}
