import type { Tensor } from '../../domain/tensor.ts';
import type { FileLimits } from '../bounds.ts';
import { FOLDS } from './fold.ts';
import { SHAPE_FOLDS } from './fold-shapes.ts';
import type { Node } from './graph.ts';
import {
  type Beside,
  decodeRecord,
  missingFile,
  SEND_BOTH,
  type Take,
  type TensorRecord,
  unpacking,
} from './tensor.ts';

/** The most nodes between a weight and its stored data. */
const MAX_DEPTH = 64;

const FOLD = { ...FOLDS, ...SHAPE_FOLDS };

/** A value that is not there, and why. */
export interface Absent {
  readonly reason: string;
}

/** The constants of a graph: what is stored in it, and what nodes that only move elements make of that. */
export class Constants {
  /** The stored tensors that were asked for, by their names. */
  readonly used = new Set<string>();
  private readonly stored: ReadonlyMap<string, TensorRecord>;
  private readonly producers: ReadonlyMap<string, Node>;
  private readonly beside: Beside;
  private readonly take: Take;
  private readonly known = new Map<string, Tensor | Absent>();

  constructor(
    stored: ReadonlyMap<string, TensorRecord>,
    producers: ReadonlyMap<string, Node>,
    beside: Beside,
    limits: FileLimits,
  ) {
    this.stored = stored;
    this.producers = producers;
    this.beside = beside;
    this.take = unpacking(limits);
  }

  /** @throws {Problem} invalid-file if it is damaged, limit-exceeded */
  read(name: string, depth = 0): Tensor | Absent {
    const known = this.known.get(name);
    if (known) return known;
    const found = this.decode(name, depth);
    this.known.set(name, found);
    return found;
  }

  private decode(name: string, depth: number): Tensor | Absent {
    const record = this.stored.get(name);
    if (!record) return this.fold(name, depth);
    this.used.add(name);
    const missing = missingFile(record, this.beside);
    if (missing === undefined) return decodeRecord(record, this.beside, this.take);
    return { reason: `has its data in another file, '${missing}'. ${SEND_BOTH}` };
  }

  private fold(name: string, depth: number): Tensor | Absent {
    const node = this.producers.get(name);
    const reason = `is not stored in the file (its input is '${name}')`;
    if (!node || !Object.hasOwn(FOLD, node.opType) || depth === MAX_DEPTH) return { reason };
    const inputs: (Tensor | undefined)[] = [];
    for (const input of node.inputs) {
      const value = input === '' ? undefined : this.read(input, depth + 1);
      if (value && 'reason' in value) return value;
      inputs.push(value);
    }
    return FOLD[node.opType]({ inputs, attributes: node.attributes, take: this.take }) ?? { reason };
  }
}
