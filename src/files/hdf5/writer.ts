import type { h5wasm } from 'h5wasm';
import { decodeElements } from '../elements.ts';
import type { HdfTree } from './tree.ts';

type Hdf5 = Pick<typeof h5wasm, 'File' | 'Group'>;

/** Element types that h5wasm can write as they are; others must be cast before. */
const WRITABLE = new Set(['f32', 'f64', 'i32', 'i64']);

/** Writes a tree to a path of the library's in-memory file system. Attributes become UTF-8 of variable length. */
export function writeTree({ File, Group }: Hdf5, path: string, tree: HdfTree): void {
  const file = new File(path, 'w');
  for (const [name, attributes] of tree.groups) {
    const group = name === '' ? file : file.create_group(name);
    for (const [key, value] of Object.entries(attributes)) {
      const list = typeof value === 'string' ? [value] : [...value];
      // h5py writes an empty list as no float64 numbers.
      group.create_attribute(key, list, typeof value === 'string' ? [] : [list.length], list.length === 0 ? '<d' : 'S');
    }
  }
  for (const [name, { type, shape, bytes }] of tree.datasets) {
    if (!WRITABLE.has(type)) throw new RangeError(`h5wasm cannot write ${type}, the type of '${name}'`);
    const slash = name.lastIndexOf('/');
    const parent = slash < 0 ? file : file.get(name.slice(0, slash));
    if (!(parent instanceof Group)) throw new RangeError(`'${name}' is to be written into a group that is not there`);
    parent.create_dataset({
      name: name.slice(slash + 1),
      data: numbers(decodeElements(type, bytes)),
      shape: [...shape],
    });
  }
  file.flush();
  file.close();
}

function numbers(
  data: ReturnType<typeof decodeElements>,
): Float32Array | Float64Array | Int32Array | BigInt64Array | Uint8Array {
  return data;
}
