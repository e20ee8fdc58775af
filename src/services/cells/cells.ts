import type { Weights } from '../../domain/cell-definition.ts';
import type { PreparedGraph } from '../../domain/graph.ts';
import type { BatchedCell, Deferred, PreparedSequence } from '../../domain/ports.ts';
import { Problem } from '../../domain/problems.ts';
import { decodeRecord, decodeRecordSlices } from '../../domain/record.ts';
import type { Tensor } from '../../domain/tensor.ts';
import { inTurns } from '../../threads/in-turns.ts';
import { cellKey, graphKey, valueKey, versionKey } from '../keys.ts';
import type { Ports } from '../ports.ts';
import type { CachedCell, OwnCells } from './cell-cache.ts';
import { byName, type Cell, type CellRecord, featuresOf, readDefinition } from './cell-record.ts';
import { graphProgram } from './graph-program.ts';

/** Reads cells: always the version that the store has now, its weights and program from memory where they are there. */
export class CellReader {
  private readonly context: Pick<Ports, 'store' | 'stepper' | 'limits' | 'graphFiles'>;
  private readonly cache: OwnCells;

  constructor(context: Pick<Ports, 'store' | 'stepper' | 'limits' | 'graphFiles'>, cache: OwnCells) {
    this.context = context;
    this.cache = cache;
  }

  /** @throws {Problem} not-found */
  async read(id: string): Promise<Cell> {
    const cell = await this.find(id);
    if (!cell) throw new Problem('not-found', `There is no cell '${id}'.`);
    return cell;
  }

  find(id: string): Promise<Cell | undefined> {
    return this.load(cellKey(id));
  }

  /** Frees the memory that the cell takes; its next use loads it again. @throws {Problem} not-found */
  async unload(id: string): Promise<void> {
    await this.read(id);
    this.cache.drop(cellKey(id));
  }

  /** A version that sessions are pinned to. Undefined if it or the cell no longer exists. */
  findPinned(cell: Pick<CellRecord, 'id' | 'uid'>, pinned: string): Promise<Cell | undefined> {
    return this.load(versionKey(cell, pinned), pinned);
  }

  /** The built cell, ready to step. @throws {Problem} no-single-step if it has two directions */
  prepare(cell: Cell): BatchedCell {
    const { record, weights } = cell;
    const step = this.requireSteps(cell);
    const hit = this.cached(cell);
    const prepared = hit?.prepared ?? this.context.stepper.prepare(step(featuresOf(record), weights), record.precision);
    if (hit) hit.prepared = prepared;
    return prepared;
  }

  /** @throws {Problem} no-single-step if the cell has two directions */
  requireSteps({ definition: { step, className, looksAhead } }: Cell): NonNullable<Cell['definition']['step']> {
    if (step) return step;
    const detail = looksAhead
      ? `${className} has no single step: ${looksAhead.slice(0, 20).join(', ')} needs later steps too. Send a sequence.`
      : `${className} has no single step: one direction starts at the end. Send a sequence.`;
    throw new Problem('no-single-step', detail);
  }

  /** The built cell, ready to run over sequences. */
  prepareSequence(cell: Cell, goBackwards: boolean): Deferred<PreparedSequence> {
    const { definition, record, weights } = cell;
    const direction = goBackwards ? 1 : 0;
    const hit = this.cached(cell);
    const prepared =
      hit?.sequences[direction] ??
      this.context.stepper.prepareSequence(
        definition.sequence(featuresOf(record), weights, goBackwards),
        record.precision,
      );
    if (hit) hit.sequences[direction] = prepared;
    return prepared;
  }

  /** The weights of a cell. Those of a graph are in its file. */
  async weightsOf({ graph, weights }: Cell): Promise<Weights> {
    return graph ? Object.fromEntries(await this.context.graphFiles.variables(graph)) : weights;
  }

  /** The graph that the cell is, ready to run. */
  prepareGraph(cell: Cell): PreparedGraph {
    const hit = this.cached(cell);
    if (hit?.graph) return hit.graph;
    const prepared = this.context.stepper.prepareGraph(graphProgram(this.context, cell));
    if (hit) hit.graph = prepared;
    return prepared;
  }

  private cached(cell: Cell): CachedCell | undefined {
    const cached = this.cache.get(keyOf(cell));
    return cached?.cell.revision === cell.revision ? cached : undefined;
  }

  private async load(key: string, pinned?: string): Promise<Cell | undefined> {
    let seen: string | undefined;
    for (;;) {
      const stored = await this.context.store.get(key);
      if (!stored) return undefined;
      const cached = this.cache.get(key);
      if (cached?.cell.revision === stored.revision) {
        this.cache.touch(key);
        return cached.cell;
      }
      const { fields: record, tensors } = decodeRecord<CellRecord>(stored.bytes);
      const { id } = record;
      const definition = await readDefinition(record, this.context.limits.maxUnits);
      if (definition.graph) {
        const file = await this.context.store.get(graphKey(record));
        if (!file) return undefined;
        const graph = { graph: file.bytes, weights: {} };
        const version = { record, revision: stored.revision, definition, ...graph };
        return this.cache.keep(key, pinned === undefined ? version : { ...version, pinned });
      }
      const known = cached ?? this.cache.get(cellKey(id));
      const weights = Object.keys(tensors).length > 0 ? tensors : await this.loadWeights(record, known?.cell);
      // If a value is gone, it was replaced after the record was read: read the newer record.
      if (!weights) {
        if (seen === stored.revision) throw new Error(`the store has lost a value of cell '${id}'`);
        seen = stored.revision;
        continue;
      }
      const version = { record, revision: stored.revision, definition, weights };
      return this.cache.keep(key, pinned === undefined ? version : { ...version, pinned });
    }
  }

  private async loadWeights(record: CellRecord, known: Cell | undefined): Promise<Weights | undefined> {
    const weights: Record<string, Tensor> = {};
    const before = byName(known?.record.uid === record.uid ? known.record.variables : []);
    for (const variable of record.variables) {
      if (known && before.get(variable.name)?.version === variable.version) {
        weights[variable.name] = known.weights[variable.name];
        continue;
      }
      const stored = await this.context.store.get(valueKey(record, variable));
      if (!stored) return undefined;
      weights[variable.name] = (await inTurns(decodeRecordSlices(stored.bytes))).tensors.value;
    }
    return weights;
  }
}

/** The key of the record of this version. */
function keyOf({ record, pinned }: Cell): string {
  return pinned === undefined ? cellKey(record.id) : versionKey(record, pinned);
}
