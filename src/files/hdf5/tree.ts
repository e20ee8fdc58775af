import type { TensorData } from '../../domain/tensor.ts';
import type { ElementType } from '../elements.ts';

/**
 * An HDF5 file as plain data that can cross a thread border: what Keras puts into one. Paths are absolute without the
 * first slash (`layers/gru/cell/vars`), the root is ''. Groups come before what is in them.
 */
export interface HdfTree {
  /** Every group, with its attributes that are strings or lists of strings. */
  readonly groups: ReadonlyMap<string, HdfAttributes>;
  readonly datasets: ReadonlyMap<string, HdfDataset>;
  /** Datasets of types that are not read (compound, text, uint64 …), with the reason. Empty in a tree to be written. */
  readonly unread: ReadonlyMap<string, string>;
}

export type HdfAttributes = Readonly<Record<string, string | readonly string[]>>;

export interface HdfDataset {
  readonly type: ElementType;
  readonly shape: readonly number[];
  /** Little-endian elements. */
  readonly bytes: Uint8Array;
  /** Floats of 16 bits as memory holds them: the thread that reads widens them. */
  readonly widened?: TensorData;
}

/** What the worker is to do. `memoryBytes` bounds the HDF5 library's own memory. */
export type Hdf5Task =
  | { readonly kind: 'read'; readonly bytes: Uint8Array; readonly limits: Hdf5Limits; readonly memoryBytes: number }
  | { readonly kind: 'write'; readonly tree: HdfTree; readonly memoryBytes: number };

export interface Hdf5Limits {
  readonly maxUnpackedBytes: number;
  readonly maxTensors: number;
  readonly maxHeaderBytes: number;
}

export type Hdf5Result = { readonly tree: HdfTree } | { readonly file: Uint8Array };

/** `layers/gru` → `layers`, `layers` → `` (the root). */
export function parentOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf('/')));
}
