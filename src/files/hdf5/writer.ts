import type { Library } from './library.ts';
import { type HdfAttributes, type HdfDataset, type HdfTree, parentOf } from './tree.ts';

type WriteMetadata = Parameters<Library['create_dataset']>[3];
type Kind = Pick<WriteMetadata, 'type' | 'size' | 'signed' | 'vlen' | 'cset' | 'littleEndian'>;

/** H5T_class_t */
const [INTEGER, FLOAT, STRING] = [0, 1, 3];
const NUMBER = { signed: true, vlen: false, littleEndian: true } as const;
/** Element types that are written as they are; others must be cast before. */
const WRITABLE = new Map([
  ['f32', { ...NUMBER, type: FLOAT, size: 4 }],
  ['f64', { ...NUMBER, type: FLOAT, size: 8 }],
  ['i32', { ...NUMBER, type: INTEGER, size: 4 }],
  ['i64', { ...NUMBER, type: INTEGER, size: 8 }],
]);
const FLOAT64 = { ...NUMBER, type: FLOAT, size: 8 };
/** UTF-8 of variable length: each element is a pointer of 4 bytes. */
const TEXT = { type: STRING, size: 4, vlen: true, cset: 1, signed: false, littleEndian: true } as const;

/** Writes a tree to a path of the library's in-memory file system. */
export function writeTree(library: Library, path: string, tree: HdfTree): void {
  const file = library.open(path, library.H5F_ACC_TRUNC, false, -1, -1);
  for (const [name, attributes] of tree.groups) {
    if (name !== '') library.create_group(file, `/${name}`, false);
    writeAttributes(library, file, `/${name}`, attributes);
  }
  for (const [name, dataset] of tree.datasets) {
    if (!tree.groups.has(parentOf(name)))
      throw new RangeError(`'${name}' is to be written into a group that is not there`);
    writeDataset(library, file, name, dataset);
  }
  library.flush(file);
  library.close_file(file);
}

function writeAttributes(library: Library, file: bigint, owner: string, attributes: HdfAttributes): void {
  for (const [name, value] of Object.entries(attributes)) {
    const list = typeof value === 'string' ? [value] : [...value];
    const shape = typeof value === 'string' ? [] : [list.length];
    // h5py writes an empty list as no float64 numbers.
    if (list.length === 0) {
      withBytes(library, new Uint8Array(0), (at) =>
        library.create_attribute(file, owner, name, at, metadataOf(FLOAT64, shape)),
      );
    } else library.create_vlen_str_attribute(file, owner, name, list, metadataOf(TEXT, shape));
  }
}

function writeDataset(library: Library, file: bigint, name: string, { type, shape, bytes }: HdfDataset): void {
  const kind = WRITABLE.get(type);
  if (!kind) throw new RangeError(`The HDF5 writer cannot write ${type}, the type of '${name}'`);
  withBytes(library, bytes, (at) => library.create_dataset(file, `/${name}`, at, metadataOf(kind, shape)));
}

/** Copies bytes into the library's memory for one call. It takes an address even for no bytes. */
function withBytes(library: Library, bytes: Uint8Array, use: (at: bigint) => void): void {
  const at = library._malloc(bytes.length);
  if (at === 0) throw new RangeError(`no memory for ${bytes.length} bytes`);
  try {
    library.HEAPU8.set(bytes, at);
    use(BigInt(at));
  } finally {
    library._free(at);
  }
}

function metadataOf(kind: Kind, shape: readonly number[]): WriteMetadata {
  const extents = shape.map(BigInt);
  const size = shape.reduce((product, extent) => product * extent, kind.size);
  const unpacked = { chunks: null, compression: 0, compression_opts: [], track_order: false };
  return { ...kind, ...unpacked, total_size: size, shape: extents, maxshape: extents };
}
