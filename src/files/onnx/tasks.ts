import type { NamedTensors, WeightFile } from '../../domain/files.ts';
import type { GraphModel } from '../../domain/graph.ts';
import type { FileLimits } from '../bounds.ts';
import { withDataInside } from './data-inside.ts';
import { openedGraph, readGraphModel, variablesOf } from './graph-model.ts';
import { readGraphTree } from './graph-tree.ts';
import { onnxLayer } from './layers.ts';
import { readOnnx } from './reader.ts';
import type { Beside } from './tensor.ts';

export interface OnnxInput {
  readonly file: Uint8Array;
  readonly limits: FileLimits;
  /** Files that were sent with it. */
  readonly beside: Beside;
  /** The names of hidden states. */
  readonly states: readonly string[];
}

/** All that is done with a file. */
export const ONNX_TASKS = {
  /** Its recurrent nodes. */
  layers({ file, limits, beside }: OnnxInput): WeightFile {
    const { layers, skipped } = readOnnx(file, limits, beside);
    return { layers: layers.map(onnxLayer), skipped };
  },
  /** Its graph as a whole. */
  graph: ({ file, limits }: OnnxInput): GraphModel => readGraphModel(file, limits),
  variables: ({ file, limits }: OnnxInput): NamedTensors => variablesOf(readGraphTree(file, limits), limits).variables,
  /** The same file with its data inside. */
  inside: ({ file, limits, beside }: OnnxInput): Uint8Array => withDataInside(file, beside, limits),
  /** The same file with its hidden states open. */
  open: ({ file, limits, states }: OnnxInput): Uint8Array => openedGraph(file, limits, states),
};

export type OnnxTasks = typeof ONNX_TASKS;
