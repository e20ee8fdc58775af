import type { Framework } from './cell-definition.ts';
import type { JsonObject } from './json.ts';
import type { Snapshot } from './snapshot.ts';
import type { Tensor } from './tensor.ts';

/** Tensors by the names that the file's own framework gives them, in the file's order. */
export type NamedTensors = ReadonlyMap<string, Tensor>;

/** A recurrent layer, cell or node among what a file holds. */
export interface FileLayer {
  /** What `?layer=` picks; no other layer of the file has it. TOP where its tensors' names have no path before them. */
  readonly name: string;
  readonly framework: Framework;
  /** Absent where only names and shapes tell. */
  readonly className?: string;
  /** Absent where the file holds weights only. */
  readonly config?: JsonObject;
  /** By their names within the layer: `kernel`, `cells.0.kernel`, `weight_ih_l0`, `W`. Empty where it has none yet. */
  readonly weights: NamedTensors;
  /** A weight that every layer has and this one lacks: its tensors only look like a layer's. */
  readonly missing?: string;
}

/** The layer whose tensors stand at the top of a file. */
export const TOP = '.';

/** A layer with its class and configuration. */
export type WholeLayer = FileLayer & { readonly className: string; readonly config: JsonObject };

/** A file format that weights come in and go out as. */
export interface WeightFileFormat {
  readonly mediaType: string;
  /** Tells formats of one media type apart, as its parameter `profile`. Reading takes all of them. */
  readonly profile?: string;
  /** Ends the name of a file: `.npz`. */
  readonly extension: string;
  /** Those whose cells it can hold. */
  readonly frameworks: readonly Framework[];
  /** @throws {Problem} invalid-file for any fault, limit-exceeded */
  read(bytes: Uint8Array): Promise<readonly FileLayer[]>;
  /** The weights of a layer by the names that a cell of `config` has, where the file alone does not tell them. */
  arrange?(layer: FileLayer, config: JsonObject): NamedTensors;
  /**
   * A cell, whose `name` is its id and whose weights are in the order of its variables.
   * @throws {Problem} not-acceptable where the format cannot hold it
   */
  write(cell: WholeLayer): Promise<Uint8Array>;
}

/** Named tensors, and text beside them: what a safetensors file holds. */
export interface TensorFile {
  /** In the file's order. */
  readonly tensors: NamedTensors;
  readonly metadata: Readonly<Record<string, string>>;
}

/** Bodies and replies as files of tensors. */
export interface TensorFiles {
  /** The tensors may be views on the bytes. @throws {Problem} invalid-file, limit-exceeded */
  read(bytes: Uint8Array): TensorFile;
  write(file: TensorFile): Uint8Array;
}

/** Turns snapshots into portable files and back. */
export interface SnapshotCodec {
  encode(snapshot: Snapshot): Uint8Array;
  /** @throws {Problem} invalid-file for anything that is not a checkpoint */
  decode(bytes: Uint8Array): Snapshot;
}
