import { Problem } from '../../domain/problems.ts';
import { asShape, checkedSize, invalidFile, requireWithin } from '../bounds.ts';
import { decodeElements, ELEMENT_TYPES, type ElementType } from '../elements.ts';
import type { Library } from './library.ts';
import type { Hdf5Limits, HdfAttributes, HdfDataset, HdfTree } from './tree.ts';

type Metadata = ReturnType<Library['get_dataset_metadata']>;

const FORMAT = 'HDF5';
const MAX_DEPTH = 16;
/** H5T_class_t */
const [INTEGER, FLOAT, STRING, OPAQUE, ENUM] = [0, 1, 3, 5, 8];
/** Deflate, shuffle and fletcher32: what h5py offers without plugins. */
const FILTERS = new Set([1, 2, 3]);

/**
 * Reads every group and dataset through the low-level calls of h5wasm, since its classes follow links, leave statuses
 * unchecked and have no float16. The library throws on errors (library.ts).
 * @throws {Problem} invalid-file or limit-exceeded; whatever the library throws for a damaged file.
 */
export function readTree(library: Library, path: string, limits: Hdf5Limits): HdfTree {
  const file = library.open(path, library.H5F_ACC_RDONLY, false, -1, -1);
  const groups = new Map<string, HdfAttributes>();
  const datasets = new Map<string, HdfDataset>();
  const unread = new Map<string, string>();
  let objects = 0;
  let unpacked = 0;

  function visitGroup(group: string, depth: number): void {
    if (depth > MAX_DEPTH) throw invalidFile(FORMAT, `its groups are nested deeper than ${MAX_DEPTH} at '${group}'.`);
    groups.set(group, readAttributes(library, file, `/${group}`, limits));
    for (const name of library.get_names(file, `/${group}`, false)) {
      objects += 1;
      requireWithin(FORMAT, 'groups and datasets', objects, limits.maxTensors);
      visit(group === '' ? name : `${group}/${name}`, depth + 1);
    }
  }

  function visit(object: string, depth: number): void {
    if (
      library.get_symbolic_link(file, `/${object}`) !== null ||
      'filename' in library.get_external_link(file, `/${object}`)
    ) {
      throw invalidFile(FORMAT, `'${object}' is a link to something else; send a file that holds its data itself.`);
    }
    const type = library.get_type(file, `/${object}`);
    if (type === library.H5G_GROUP) visitGroup(object, depth);
    else if (type === library.H5G_DATASET) visitDataset(object);
  }

  function visitDataset(name: string): void {
    const metadata = library.get_dataset_metadata(file, `/${name}`);
    const type = elementType(metadata, () => readAttributes(library, file, `/${name}`, limits));
    if (type === undefined || metadata.shape === null) {
      unread.set(name, metadata.shape === null ? 'its dataspace is null' : 'its type is not numeric');
      return;
    }
    const size = checkedSize(FORMAT, name, metadata.shape);
    unpacked += size * ELEMENT_TYPES[type].bytes;
    requireWithin(FORMAT, 'unpacked bytes', unpacked, limits.maxUnpackedBytes);
    requireReadable(library, file, name, metadata, limits);
    const bytes = readBytes(library, size * ELEMENT_TYPES[type].bytes, (at) =>
      library.get_dataset_data(file, `/${name}`, null, null, null, at),
    );
    const isHalf = type === 'f16' || type === 'bf16';
    const widened = isHalf ? { widened: decodeElements(type, bytes) } : {};
    datasets.set(name, { type, shape: asShape(metadata.shape), bytes, ...widened });
  }

  visitGroup('', 0);
  return { groups, datasets, unread };
}

function elementType(metadata: Metadata, attributes: () => HdfAttributes): ElementType | undefined {
  const { type, size, signed, enum_type: names } = metadata;
  if (type === FLOAT)
    return new Map<number, ElementType>([
      [2, 'f16'],
      [4, 'f32'],
      [8, 'f64'],
    ]).get(size);
  if (type === INTEGER && size === 8) return signed ? 'i64' : undefined;
  if (type === INTEGER && (size === 1 || size === 2 || size === 4))
    return `${signed ? 'i' : 'u'}${size === 1 ? 8 : size === 2 ? 16 : 32}`;
  // h5py's booleans
  if (type === ENUM && size === 1 && names?.members.FALSE === 0 && names.members.TRUE === 1) return 'bool';
  // Keras writes bfloat16 as two opaque bytes. Its own format also notes the dtype (saving_lib.H5Entry); the legacy format
  // does not.
  if (type === OPAQUE && size === 2 && (attributes().dtype ?? 'bfloat16') === 'bfloat16') return 'bf16';
  return undefined;
}

/** A chunk is always unpacked completely, even if the dataset uses little of it. */
function requireReadable(library: Library, file: bigint, name: string, metadata: Metadata, limits: Hdf5Limits): void {
  if (metadata.virtual_sources)
    throw invalidFile(FORMAT, `'${name}' is a virtual dataset; send a file that holds its data itself.`);
  const filter = library.get_dataset_filters(file, `/${name}`).find(({ id }) => !FILTERS.has(id));
  if (filter)
    throw invalidFile(
      FORMAT,
      `'${name}' is packed by filter ${filter.id}; only deflate, shuffle and fletcher32 are read.`,
    );
  const chunk = checkedSize(FORMAT, name, metadata.chunks ?? []) * metadata.size;
  requireWithin(FORMAT, 'bytes in a chunk', chunk, limits.maxUnpackedBytes);
}

function readBytes(library: Library, length: number, read: (at: bigint) => number): Uint8Array<ArrayBuffer> {
  if (length === 0) return new Uint8Array(0);
  const at = library._malloc(length);
  if (at === 0) throw new Problem('limit-exceeded', `The ${FORMAT} file needs more memory than a file may have.`);
  try {
    if (read(BigInt(at)) < 0) throw new Error('the data cannot be read');
    return new Uint8Array(library.HEAPU8.subarray(at, at + length));
  } finally {
    library._free(at);
  }
}

function readAttributes(library: Library, file: bigint, owner: string, limits: Hdf5Limits): HdfAttributes {
  const entries: [string, string | string[]][] = [];
  const names = library.get_attribute_names(file, owner);
  requireWithin(FORMAT, `attributes at '${owner}'`, names.length, limits.maxTensors);
  for (const name of names) {
    const metadata = library.get_attribute_metadata(file, owner, name);
    const size = checkedSize(FORMAT, `${owner}@${name}`, metadata.shape ?? [0]);
    requireWithin(FORMAT, `bytes in the attribute '${name}'`, size * metadata.size, limits.maxHeaderBytes);
    // h5py writes an empty list as no float64 numbers.
    if (metadata.type !== STRING && size > 0) continue;
    const bytes = readBytes(library, size * metadata.size, (at) => library.get_attribute_data(file, owner, name, at));
    const texts =
      size === 0 ? [] : metadata.vlen ? pointedAt(library, bytes, limits) : fixedLength(bytes, metadata.size);
    entries.push([name, metadata.shape?.length === 0 ? texts[0] : texts]);
  }
  return Object.fromEntries(entries);
}

function pointedAt(library: Library, pointers: Uint8Array<ArrayBuffer>, limits: Hdf5Limits): string[] {
  let total = 0;
  return Array.from(new Uint32Array(pointers.buffer), (pointer) => {
    const text = library.UTF8ToString(pointer);
    total += text.length;
    requireWithin(FORMAT, 'characters in an attribute', total, limits.maxHeaderBytes);
    return text;
  });
}

function fixedLength(bytes: Uint8Array, width: number): string[] {
  const decoder = new TextDecoder();
  return Array.from({ length: bytes.length / width }, (_, i) => {
    const text = bytes.subarray(i * width, (i + 1) * width);
    const end = text.indexOf(0);
    return decoder.decode(end < 0 ? text : text.subarray(0, end));
  });
}
