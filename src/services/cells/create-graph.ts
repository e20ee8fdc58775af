import type { CellDefinition } from '../../domain/cell-definition.ts';
import type { Imported, Skipped } from '../../domain/files.ts';
import { TOP } from '../../domain/files.ts';
import type { GraphInterface, GraphModel, SentGraph } from '../../domain/graph.ts';
import { Problem } from '../../domain/problems.ts';
import { graphConfig } from '../../frameworks/onnx/graph-config.ts';
import { GRAPH_CLASS, graphCell } from '../../frameworks/onnx/graph-definition.ts';
import { type GraphOptions, graphInterface } from '../../frameworks/onnx/graph-interface.ts';
import type { Context } from '../context.ts';
import type { CellVariable } from './cell-record.ts';
import type { MadeCell } from './create-cell.ts';
import { graphProgram } from './graph-program.ts';
import { listed } from './pick-layer.ts';

type Needs = Pick<Context, 'clock' | 'newId' | 'limits' | 'graphFiles' | 'stepper'>;

/** A file that is to be a cell as a whole: checked, and loaded by the runtime once. */
export interface ReadGraph {
  readonly file: Uint8Array;
  readonly definition: CellDefinition & { readonly graph: GraphInterface };
  readonly variables: readonly CellVariable[];
  readonly skipped: readonly Skipped[];
}

/** The file of a graph as it is kept: with all data inside. @throws {Problem} invalid-file */
export function wholeFile(
  { graphFiles }: Pick<Context, 'graphFiles'>,
  { bytes, beside }: SentGraph,
): Promise<Uint8Array> | Uint8Array {
  return beside && beside.size > 0 ? graphFiles.inside(bytes, beside) : bytes;
}

/** @throws {Problem} invalid-file, invalid-value, no-state, limit-exceeded, engine-not-installed */
export async function readGraph(context: Needs, file: Uint8Array, options: GraphOptions): Promise<ReadGraph> {
  const { limits, graphFiles, stepper } = context;
  if (file.length > limits.maxThingBytes) {
    const detail = `The file has ${file.length} bytes, over the limit of ${limits.maxThingBytes} a cell (CELLSTEP_MAX_THING_BYTES).`;
    throw new Problem('limit-exceeded', detail);
  }
  const model = await graphFiles.read(file);
  const graph = graphInterface(model, options);
  const definition = { ...graphCell(graphConfig(graph, model.sha256)), graph };
  const program = graphProgram(context, { definition, graph: file });
  await stepper.prepareGraph(program).load();
  return { file, definition, variables: variablesOf(model), skipped: listed(model.skipped) };
}

function variablesOf({ variables }: GraphModel): CellVariable[] {
  return [...variables].map(([name, { shape, dtype }]) => ({ name, shape, dtype, trainable: false, version: 1 }));
}

/** What of a file is not in its cell. */
export function importedOf({ skipped }: ReadGraph): Imported | undefined {
  return skipped.length === 0 ? undefined : { layers: [TOP], skipped };
}

/** The cell that a file is as a whole. */
export function makeGraphCell(context: Needs, id: string, { file, definition, variables }: ReadGraph): MadeCell {
  const now = context.clock();
  const record = {
    format: 1,
    id,
    uid: context.newId('uid'),
    framework: 'onnx',
    class_name: GRAPH_CLASS,
    config: definition.config,
    precision: 'fast',
    initializer_seeds: {},
    input_shape: definition.fixedInputShape ?? null,
    variables,
    version: 1,
    created_at: now,
    updated_at: now,
  } as const;
  return { record, weights: {}, graph: file };
}
