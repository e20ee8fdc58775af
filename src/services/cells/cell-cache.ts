import type { PreparedGraph } from '../../domain/graph.ts';
import type { BatchedCell, Deferred, PreparedSequence } from '../../domain/ports.ts';
import type { Cell } from './cell-record.ts';

/** Versions of cells kept in memory, of all tenants together, by the bytes of their weights. */
const CACHE_BYTES = 256 * 2 ** 20;

export interface CachedCell {
  readonly cell: Cell;
  readonly bytes: number;
  prepared?: BatchedCell;
  graph?: PreparedGraph;
  /** By direction: forward, backwards. */
  readonly sequences: [Deferred<PreparedSequence>?, Deferred<PreparedSequence>?];
}

/** The cells of one tenant in the cache, by their keys in the store. */
export interface OwnCells {
  get(key: string): CachedCell | undefined;
  /** It was used just now. */
  touch(key: string): void;
  keep(key: string, cell: Cell): Cell;
  drop(key: string): void;
}

/**
 * Cells in memory. The least recently used are dropped first. All tenants share one cache, so it does not grow with their
 * number.
 */
export class CellCache {
  private readonly cells = new Map<string, CachedCell>();
  private bytes = 0;

  /** `tenant` is empty for the default tenant. */
  of(tenant: string): OwnCells {
    const name = (key: string) => `${tenant} ${key}`;
    return {
      get: (key) => this.cells.get(name(key)),
      touch: (key) => this.touch(name(key)),
      keep: (key, cell) => this.keep(name(key), cell),
      drop: (key) => this.drop(name(key)),
    };
  }

  private touch(name: string): void {
    const cached = this.cells.get(name);
    if (!cached) return;
    this.cells.delete(name);
    this.cells.set(name, cached);
  }

  private keep(name: string, cell: Cell): Cell {
    const held = Object.values(cell.weights).reduce((sum, { data }) => sum + data.byteLength * 4, 0);
    const bytes = 4096 + held + (cell.graph?.length ?? 0);
    this.bytes += bytes - (this.cells.get(name)?.bytes ?? 0);
    this.cells.delete(name);
    this.cells.set(name, { cell, bytes, sequences: [] });
    for (const [oldest, { bytes: freed }] of this.cells) {
      if (this.bytes <= CACHE_BYTES || oldest === name) break;
      this.cells.delete(oldest);
      this.bytes -= freed;
    }
    return cell;
  }

  private drop(name: string): void {
    this.bytes -= this.cells.get(name)?.bytes ?? 0;
    this.cells.delete(name);
  }
}
