import type { Weights } from '../domain/cell-definition.ts';
import type { Deferred, PreparedCell, PreparedSequence } from '../domain/ports.ts';
import { Problem } from '../domain/problems.ts';
import { decodeRecord } from '../domain/record.ts';
import type { Tensor } from '../domain/tensor.ts';
import { type Cell, type CellRecord, cellKey, definitionOf, featuresOf, variableKey } from './cell-record.ts';
import type { Context } from './context.ts';

/** Versions of cells kept in memory, by the bytes of their weights. */
const CACHE_BYTES = 256 * 2 ** 20;

interface CachedCell {
  readonly cell: Cell;
  readonly bytes: number;
  prepared?: Deferred<PreparedCell>;
  /** By direction: forward, backwards. */
  readonly sequences: [Deferred<PreparedSequence>?, Deferred<PreparedSequence>?];
}

/** Reads cells: always the version that the store has now, its weights and program from memory where they are there. */
export class CellReader {
  private readonly context: Pick<Context, 'store' | 'stepper' | 'limits'>;
  private readonly cache = new Map<string, CachedCell>();
  private bytes = 0;

  constructor(context: Pick<Context, 'store' | 'stepper' | 'limits'>) {
    this.context = context;
  }

  /** @throws {Problem} not-found */
  async read(id: string): Promise<Cell> {
    const cell = await this.find(id);
    if (!cell) throw new Problem('not-found', `There is no cell '${id}'.`);
    return cell;
  }

  async find(id: string): Promise<Cell | undefined> {
    return (await this.load(id))?.cell;
  }

  /** The built cell, ready to step. @throws {Problem} no-single-step where it has two directions. */
  prepare(cell: Cell): Deferred<PreparedCell> {
    const { record, weights } = cell;
    const step = this.requireSteps(cell);
    const hit = this.cached(cell);
    const prepared = hit?.prepared ?? this.context.stepper.prepare(step(featuresOf(record), weights), record.precision);
    if (hit) hit.prepared = prepared;
    return prepared;
  }

  /** @throws {Problem} no-single-step where the cell has two directions. */
  requireSteps({ definition: { step, className } }: Cell): NonNullable<Cell['definition']['step']> {
    if (step) return step;
    const detail = `${className} has no single step: one direction starts at the end. Send a sequence.`;
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

  private cached({ record, revision }: Cell): CachedCell | undefined {
    const cached = this.cache.get(record.id);
    return cached?.cell.revision === revision ? cached : undefined;
  }

  private async load(id: string): Promise<CachedCell | undefined> {
    let seen: string | undefined;
    for (;;) {
      const stored = await this.context.store.get(cellKey(id));
      if (!stored) return undefined;
      const cached = this.cache.get(id);
      if (cached?.cell.revision === stored.revision) {
        this.cache.delete(id);
        this.cache.set(id, cached);
        return cached;
      }
      const { fields: record } = decodeRecord<CellRecord>(stored.bytes);
      const weights = await this.loadWeights(record, cached?.cell);
      // A value that is gone was replaced since the record was read: read the newer record.
      if (!weights) {
        if (seen === stored.revision) throw new Error(`the store has lost a value of cell '${id}'`);
        seen = stored.revision;
        continue;
      }
      const definition = definitionOf(record, this.context.limits.maxUnits);
      return this.keep(id, { record, revision: stored.revision, definition, weights });
    }
  }

  private async loadWeights(record: CellRecord, known: Cell | undefined): Promise<Weights | undefined> {
    const weights: Record<string, Tensor> = {};
    for (const variable of record.variables) {
      const same =
        known?.record.uid === record.uid && known.record.variables.find(({ name }) => name === variable.name);
      if (same && same.version === variable.version) {
        weights[variable.name] = known.weights[variable.name];
        continue;
      }
      const stored = await this.context.store.get(variableKey(record, variable));
      if (!stored) return undefined;
      weights[variable.name] = decodeRecord(stored.bytes).tensors.value;
    }
    return weights;
  }

  private keep(id: string, cell: Cell): CachedCell {
    const bytes = 4096 + Object.values(cell.weights).reduce((sum, { data }) => sum + data.byteLength * 4, 0);
    const entry: CachedCell = { cell, bytes, sequences: [] };
    this.bytes += bytes - (this.cache.get(id)?.bytes ?? 0);
    this.cache.delete(id);
    this.cache.set(id, entry);
    for (const [oldest, { bytes: freed }] of this.cache) {
      if (this.bytes <= CACHE_BYTES || oldest === id) break;
      this.cache.delete(oldest);
      this.bytes -= freed;
    }
    return entry;
  }
}
