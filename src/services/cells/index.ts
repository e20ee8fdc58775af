import type { WeightFileFormat, WrittenFormat } from '../../domain/files.ts';
import type { SentGraph } from '../../domain/graph.ts';
import type { Precision } from '../../domain/ports.ts';
import type { TensorLiteral } from '../../domain/tensor-literal.ts';
import type { LayerOptions } from '../../frameworks/file-options.ts';
import type { GraphOptions } from '../../frameworks/onnx/graph-interface.ts';
import type { Change } from '../changes/change.ts';
import { fieldsOf, listPage, type PageRequest } from '../changes/listing.ts';
import { cellGradients, type GradientCall } from '../compute/cell-gradients.ts';
import { type AnySequenceCall, runCellSequence } from '../compute/run-sequence.ts';
import { type StepRequest, stepCell } from '../compute/step-cell.ts';
import { type CarriedStep, stepTogether } from '../compute/step-together.ts';
import type { Context } from '../context.ts';
import { cellKey, thingsPrefix } from '../keys.ts';
import { buildCell } from './build-cell.ts';
import type { ImportedCell, SentFile } from './cell-files.ts';
import { type Cell, type CellDescription, type CellRecord, definitionOf } from './cell-record.ts';
import { putWeights, requireVariables } from './cell-weights.ts';
import { createCell, type NewCell, storeCell } from './create-cell.ts';
import { deleteCell } from './delete-cell.ts';

/** Formats of one media type are in order of preference: the first one reads, and writes by default. */
export type WeightFiles = readonly WeightFileFormat[];

/** The use cases of cells. What works on files is loaded by the first file. */
export function cellServices(context: Context, weightFiles: WeightFiles) {
  const { store, cells, changer } = context;
  const files = () => import('./cell-files.ts');
  const graphs = () => import('./create-graph.ts');
  return {
    /** Defines the cell of a record, and decides its precision. */
    describe: (record: CellRecord): CellDescription => {
      const definition = definitionOf(record, context.limits.maxUnits);
      if (definition.graph) return { definition, precision: 'onnxruntime' };
      const precision = context.stepper.precisionUsed(definition.arithmetics, record.precision);
      return { definition, precision };
    },
    create: <R>(input: NewCell, id: string | undefined, change: Change<CellRecord, R>) =>
      changer.create('cell', id, change, (chosen) => createCell(context, chosen, input)),
    createFromFile: async <R>(
      file: SentFile,
      made: { readonly id?: string; readonly precision: Precision; readonly options: LayerOptions },
      change: Change<ImportedCell, R>,
    ) => {
      const { asFileProblem, importing, newCellOf, readLayer } = await files();
      const read = await readLayer(weightFiles, file, made.options);
      const input = await newCellOf(read, made.precision);
      const decide = (id: string) => asFileProblem(() => createCell(context, id, input));
      return changer.create('cell', made.id, change, (id) => importing(read, () => decide(id))());
    },
    /** What a whole graph is as a cell; nothing is stored. */
    describeGraph: async (sent: SentGraph, options: GraphOptions) => {
      const { readGraph, wholeFile } = await graphs();
      return readGraph(context, await wholeFile(context, sent), options);
    },
    createGraph: async <R>(
      sent: SentGraph,
      made: { readonly id?: string; readonly options: GraphOptions },
      change: Change<ImportedCell, R>,
    ) => {
      const [{ importing }, { importedOf, makeGraphCell, readGraph, wholeFile }] = await Promise.all([
        files(),
        graphs(),
      ]);
      const read = await readGraph(context, await wholeFile(context, sent), made.options);
      const store = (id: string) => () => storeCell(context, makeGraphCell(context, id, read));
      return changer.create('cell', made.id, change, (id) => importing({ imported: importedOf(read) }, store(id))());
    },
    list: (page: PageRequest) => listPage(store, thingsPrefix('cell'), page, fieldsOf<CellRecord>),
    read: async (id: string) => (await cells.read(id)).record,
    build: <R>(id: string, inputShape: readonly (number | null)[], change: Change<CellRecord, R>) =>
      changer.change(cellKey(id), change, () => buildCell(context, id, inputShape, change.expected)),
    delete: <R>(id: string, force: boolean, change: Change<undefined, R>) =>
      changer.change(cellKey(id), change, () => deleteCell(context, id, { expected: change.expected, force })),
    /** The cell with all weights of one version; without weights before it is built, and where it is a graph. */
    readWeights: (id: string) => cells.read(id),
    weightsOf: (cell: Cell) => cells.weightsOf(cell),
    putWeights: <R>(id: string, weights: Readonly<Record<string, TensorLiteral>>, change: Change<CellRecord, R>) =>
      changer.change(cellKey(id), change, () => putWeights(context, id, change.expected, weights)),
    putWeightsFile: async <R>(id: string, file: SentFile, options: LayerOptions, change: Change<ImportedCell, R>) => {
      const cell = await cells.read(id);
      requireVariables(cell);
      const { importing, putWeightsFile, readLayerFor } = await files();
      const read = await readLayerFor(cell.record, weightFiles, file, options);
      const decide = () => putWeightsFile(context, id, change.expected, read);
      return changer.change(cellKey(id), change, importing(read, decide));
    },
    unload: (id: string) => cells.unload(id),
    fileFormats: async (record: CellRecord) => (await files()).formatsFor(weightFiles, record),
    writeFile: async (format: WrittenFormat, cell: Cell) => (await files()).writeCell(format, cell),
    step: (id: string, request: StepRequest) => stepCell(context, id, request),
    stepTogether: <S extends CarriedStep>(id: string, steps: readonly S[]) => stepTogether(context, id, steps),
    sequence: (id: string, request: AnySequenceCall) => runCellSequence(context, id, request),
    gradients: (id: string, request: GradientCall) => cellGradients(context, id, request),
  };
}
