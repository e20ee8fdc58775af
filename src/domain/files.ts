import type { Bytes } from './bytes.ts';
import type { Framework } from './cell-definition.ts';
import type { JsonObject } from './json.ts';
import type { Hold } from './ports.ts';
import type { Manifest } from './snapshot.ts';
import type { Tensor } from './tensor.ts';

/** Tensors by the names that the file's own framework gives them, in the file's order. */
export type NamedTensors = ReadonlyMap<string, Tensor>;

/** A recurrent layer, cell or node among what a file holds. */
export interface FileLayer {
  /** The name that `?layer=` picks, unique in the file. TOP if the names of its tensors have no path. */
  readonly name: string;
  readonly framework: Framework;
  /** Absent if only names and shapes of the tensors tell it. */
  readonly className?: string;
  /** Absent if the file has weights only. */
  readonly config?: JsonObject;
  /** By their names in the layer: `kernel`, `cells.0.kernel`, `weight_ih_l0`, `W`. Empty if it has none yet. */
  readonly weights: NamedTensors;
  /** Version of the framework that wrote the layer, if the file has it and it matters. */
  readonly version?: string;
  /** A weight that every layer has and this one lacks: its tensors only look like a layer's. */
  readonly missing?: string;
  /** Why the file does not tell all options that the results depend on; completes a sentence. Absent if it tells all. */
  readonly unsaid?: string;
}

/** A part of a file that is left out, and why. */
export interface Skipped {
  readonly name: string;
  readonly reason: string;
}

/** What a file holds. */
export interface WeightFile {
  /**
   * The whole model, if it is more than one recurrent layer. Its weights are named `<layer>.<variable>`, or by the place of
   * the variable in its layer, `dense.0`, trainable ones first.
   */
  readonly network?: FileLayer;
  readonly layers: readonly FileLayer[];
  /** The other parts, which no cell can be made from. */
  readonly skipped: readonly Skipped[];
  /** All tensors by name, if the file has nothing else. A chain can make a network of them. */
  readonly named?: NamedTensors;
  /** Config options stored with the weights. They replace options of the config or of the weights' shapes. */
  readonly options?: JsonObject;
}

/** What an import took from a file, and what it left out. */
export interface Imported {
  readonly layers: readonly string[];
  readonly skipped: readonly Skipped[];
}

/** The layer whose tensors stand at the top of a file. */
export const TOP = '.';

/** A layer with its class and configuration. */
export interface WholeLayer extends FileLayer {
  readonly className: string;
  readonly config: JsonObject;
  /** Names of the weights that are not trained. Absent if the config tells them. */
  readonly frozen?: ReadonlySet<string>;
}

/** A file format of weights. */
export interface WeightFileFormat {
  readonly mediaType: string;
  /** Tells formats of one media type apart, as its parameter `profile`. Reading takes all of them. */
  readonly profile?: string;
  /** Ends the name of a file: `.npz`. */
  readonly extension: string;
  /** The frameworks whose cells it can hold. */
  readonly frameworks: readonly Framework[];
  /** Whether the first bytes look like this format. */
  recognises(bytes: Uint8Array): boolean;
  /**
   * `beside` are files that were sent with it, by their names.
   * @throws {Problem} invalid-file for any fault, limit-exceeded
   */
  read(bytes: Uint8Array, beside?: ReadonlyMap<string, Uint8Array>): Promise<WeightFile>;
  /** All tensors by the names of the file, which are the names of a network's variables. @throws {Problem} as read */
  readNamed?(bytes: Uint8Array): Promise<NamedTensors>;
  /**
   * The weights in a file of weights only, for a network of this class and config. Undefined if the file has its own configuration.
   * @throws {Problem} as read
   */
  readFor?(
    bytes: Uint8Array,
    network: Pick<WholeLayer, 'className' | 'config'>,
  ): Promise<(Pick<WeightFile, 'skipped'> & { readonly network: FileLayer }) | undefined>;
  /** The weights of a layer by the names that a cell of `config` has, where the file alone does not tell them. */
  arrange?(layer: FileLayer, config: JsonObject): NamedTensors;
  /**
   * A cell, whose `name` is its id and whose weights are in the order of its variables. Absent if the format is only read.
   * @throws {Problem} not-acceptable if the format cannot hold it
   */
  write?(cell: WholeLayer): Promise<Bytes>;
}

/** A format that can also be written. */
export type WrittenFormat = WeightFileFormat & Required<Pick<WeightFileFormat, 'write'>>;

/** The content of a safetensors file: named tensors and text. */
export interface TensorFile {
  /** In the file's order. */
  readonly tensors: NamedTensors;
  readonly metadata: Readonly<Record<string, string>>;
}

/** Bodies and replies as files of tensors. */
export interface TensorFiles {
  /** In slices. The tensors may be views on the bytes. @throws {Problem} invalid-file, limit-exceeded */
  read(bytes: Uint8Array): Generator<void, TensorFile>;
  /** Made when it is sent where it is long. */
  write(file: TensorFile): Bytes;
}

/** A file as a client sends it: its bytes in their order, as they come. */
export interface IncomingFile extends AsyncIterable<Uint8Array> {
  /** Of all of it; undefined if it was not announced. */
  readonly length: number | undefined;
}

/** Checks a file as it comes. */
export interface SnapshotCheck {
  /** The next bytes, in slices. @throws {Problem} invalid-file, limit-exceeded, as soon as it is clear */
  take(bytes: Uint8Array): Generator<void>;
  /** After the last bytes. @throws {Problem} invalid-file */
  end(): Manifest;
}

/** A tensor without its elements. */
export type NamedShape = Pick<Tensor, 'dtype' | 'shape'> & { readonly name: string };

/** A file that can be read from anywhere. */
export interface StoredFile {
  readonly length: number;
  /** In memory of their own. */
  read(from: number, to: number): Promise<Uint8Array>;
}

/** A snapshot in a file, whose values are read when they are asked for. */
export interface StoredSnapshot {
  readonly manifest: Manifest;
  /** By the names of the tensors. */
  readonly shapes: ReadonlyMap<string, NamedShape>;
  read(name: string): Promise<Tensor>;
}

/** Turns snapshots into portable files and back. */
export interface SnapshotCodec {
  /** Checks all of a file, with its header in memory, which `hold` is told of. */
  check(file: Pick<IncomingFile, 'length'>, hold: Hold): SnapshotCheck;
  /**
   * What a file begins with. The tensors' bytes follow by falling size of their elements, and else in this order.
   * @throws {Problem} limit-exceeded if such a file is not taken, so that it could not be restored
   */
  head(manifest: Manifest, tensors: readonly NamedShape[], hold: Hold): Promise<Uint8Array>;
  /** Reads the header, which `hold` is told of. @throws {Problem} invalid-file for anything that is not a checkpoint */
  open(file: StoredFile, hold: Hold): Promise<StoredSnapshot>;
}
