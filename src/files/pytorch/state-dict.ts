import type { NamedTensors, Skipped } from '../../domain/files.ts';
import { Tensor } from '../../domain/tensor.ts';
import { inTurns } from '../../threads/in-turns.ts';
import { asShape, checkedSize, type FileLimits, invalidFile, isCount, requireWithin } from '../bounds.ts';
import { decodedBytes, decodeSlices, ELEMENT_TYPES, type ElementType } from '../elements.ts';
import { readZip } from '../zip.ts';
import { PersistentId, type Pickled, PythonCall, PythonName, pickleSlices } from './pickle.ts';

const FORMAT = 'PyTorch';
const PICKLE = '/data.pkl';
/** How deep dicts may be nested: a checkpoint has the state_dict of its model in a dict of its own. */
const MAX_DEPTH = 8;
/** Elements that are gathered in a millisecond or so. */
const SLICE = 2 ** 15;

const STORAGES: Readonly<Record<string, ElementType>> = {
  'torch.HalfStorage': 'f16',
  'torch.BFloat16Storage': 'bf16',
  'torch.FloatStorage': 'f32',
  'torch.DoubleStorage': 'f64',
  'torch.CharStorage': 'i8',
  'torch.ShortStorage': 'i16',
  'torch.IntStorage': 'i32',
  'torch.LongStorage': 'i64',
  'torch.ByteStorage': 'u8',
  'torch.BoolStorage': 'bool',
};

export interface StateDict {
  /** A tensor in a dict within has the dict's name before its own: `model.lstm.weight_ih_l0`. */
  readonly tensors: NamedTensors;
  /** What is not a tensor. */
  readonly skipped: readonly Skipped[];
}

/**
 * Reads what torch.save wrote of a state_dict, or of a dict with one: a zip of a pickle and of the storages of its tensors.
 * Nothing of the pickle is run.
 * @throws {Problem} invalid-file for any fault, limit-exceeded for a file over `limits`
 */
export async function readStateDict(bytes: Uint8Array, limits: FileLimits): Promise<StateDict> {
  if (bytes[0] === 0x80) {
    throw invalidFile(FORMAT, 'it is a bare pickle, as PyTorch before 1.6 wrote them. Save it with torch.save again.');
  }
  const members = await readZip(FORMAT, bytes, limits);
  const pickle = [...members.keys()].find((name) => name.endsWith(PICKLE));
  if (pickle === undefined) throw invalidFile(FORMAT, `it has no member '<name>${PICKLE}'.`);
  const prefix = pickle.slice(0, -PICKLE.length);
  const order = members.get(`${prefix}/byteorder`);
  const storages: Storages = {
    bytesOf: (key) => members.get(`${prefix}/data/${key}`),
    littleEndian: order === undefined || Buffer.from(order).toString('latin1') === 'little',
  };
  const top = await inTurns(pickleSlices(members.get(pickle) ?? new Uint8Array(), limits));
  if (!(top instanceof Map)) {
    const save = 'Save torch.save(model.state_dict(), path).';
    throw invalidFile(FORMAT, `it holds ${describe(top)}, not a state_dict. ${save}`);
  }
  const reading: Reading = { storages, limits, tensors: new Map(), skipped: [], unpacked: 0, entries: 0 };
  await inTurns(readDict(reading, top, '', 0));
  return reading;
}

interface Storages {
  bytesOf(key: string): Uint8Array | undefined;
  readonly littleEndian: boolean;
}

interface Reading {
  readonly storages: Storages;
  readonly limits: FileLimits;
  readonly tensors: Map<string, Tensor>;
  readonly skipped: Skipped[];
  unpacked: number;
  entries: number;
}

function* readDict(reading: Reading, dict: Map<Pickled, Pickled>, path: string, depth: number): Generator<void, void> {
  if (depth > MAX_DEPTH) throw invalidFile(FORMAT, `its dicts are nested more than ${MAX_DEPTH} deep.`);
  for (const [key, value] of dict) {
    reading.entries += 1;
    requireWithin(FORMAT, 'entries', reading.entries, reading.limits.maxTensors);
    if (typeof key !== 'string' && typeof key !== 'number') throw invalidFile(FORMAT, `a key is ${describe(key)}.`);
    const name = `${path}${key}`;
    const view = viewOf(value);
    if (value instanceof Map) yield* readDict(reading, value, `${name}.`, depth + 1);
    else if (view) yield* readTensor(reading, name, view);
    else reading.skipped.push({ name: name.slice(0, 200), reason: `It is ${describe(value)}, not a tensor.` });
  }
}

/** A tensor as torch._utils._rebuild_tensor_v2 is told it. */
interface View {
  readonly storage: Pickled;
  readonly offset: Pickled;
  readonly shape: readonly Pickled[];
  readonly strides: readonly Pickled[];
}

function viewOf(value: Pickled): View | undefined {
  if (!(value instanceof PythonCall) || !(value.called instanceof PythonName) || !Array.isArray(value.args)) return;
  const { name } = value.called;
  if (name === 'torch._utils._rebuild_parameter') {
    const [inner] = value.args;
    // Once: a parameter is of a tensor, and a value may be within itself.
    return inner instanceof PythonCall && inner.called !== value.called ? viewOf(inner) : undefined;
  }
  if (name !== 'torch._utils._rebuild_tensor_v2') return undefined;
  const [storage, offset, shape, strides] = value.args;
  return Array.isArray(shape) && Array.isArray(strides) ? { storage, offset, shape, strides } : undefined;
}

function* readTensor(reading: Reading, name: string, { storage, offset, shape, strides }: View): Generator<void, void> {
  const id = storage instanceof PersistentId && Array.isArray(storage.id) ? storage.id : [];
  const [, kind, key] = id;
  const type = kind instanceof PythonName && Object.hasOwn(STORAGES, kind.name) ? STORAGES[kind.name] : undefined;
  if (type === undefined) {
    reading.skipped.push({ name: name.slice(0, 200), reason: `Its elements are of ${describe(kind ?? null)}.` });
    return;
  }
  const size = checkedSize(FORMAT, name, shape);
  reading.unpacked += decodedBytes(type, size);
  requireWithin(FORMAT, 'unpacked bytes', reading.unpacked, reading.limits.maxUnpackedBytes);
  const bytes = reading.storages.bytesOf(String(key));
  if (!bytes) throw invalidFile(FORMAT, `the storage of '${name}' is missing.`);
  if (!isCount(offset) || strides.length !== shape.length || !strides.every(isCount)) {
    throw invalidFile(FORMAT, `'${name}' has a view of its storage that is not possible.`);
  }
  const extents = asShape(shape);
  const { bytes: width, dtype } = ELEMENT_TYPES[type];
  const last =
    size === 0 ? -1 : extents.reduce((at, extent, axis) => at + (extent - 1) * Number(strides[axis]), offset);
  if (!((last + 1) * width <= bytes.length)) throw invalidFile(FORMAT, `'${name}' goes beyond its storage.`);
  const packed = yield* gather(bytes, { offset, width, size, shape: extents, strides: strides.map(Number) });
  try {
    const elements = yield* decodeSlices(type, packed, reading.storages.littleEndian);
    reading.tensors.set(name, new Tensor(dtype, extents, elements));
  } catch (error) {
    throw invalidFile(FORMAT, `in '${name}' ${error instanceof Error ? error.message : error}.`, error);
  }
}

interface Strided {
  readonly offset: number;
  readonly width: number;
  readonly size: number;
  readonly shape: readonly number[];
  readonly strides: readonly number[];
}

/** The bytes of a strided tensor in row-major order; the storage's own bytes if they are in that order. */
function* gather(bytes: Uint8Array, { offset, width, size, shape, strides }: Strided): Generator<void, Uint8Array> {
  let step = 1;
  const isContiguous = shape.toReversed().every((extent, k) => {
    const fits = extent === 1 || strides[shape.length - 1 - k] === step;
    step *= extent;
    return fits;
  });
  if (isContiguous) return bytes.subarray(offset * width, (offset + size) * width);
  const packed = new Uint8Array(size * width);
  const place = shape.map(() => 0);
  for (let n = 0, from = offset; n < size; n++) {
    if (n % SLICE === 0) yield;
    for (let byte = 0; byte < width; byte++) packed[n * width + byte] = bytes[from * width + byte];
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      place[axis] += 1;
      from += strides[axis];
      if (place[axis] < shape[axis]) break;
      from -= place[axis] * strides[axis];
      place[axis] = 0;
    }
  }
  return packed;
}

function describe(value: Pickled): string {
  if (value instanceof PythonCall) return `an object of ${describe(value.called)}`;
  if (value instanceof PythonName) return value.name.slice(0, 100);
  if (Array.isArray(value)) return 'a list';
  if (value instanceof Map) return 'a dict';
  if (value === null) return 'None';
  if (typeof value === 'object') return 'bytes';
  return `${typeof value === 'string' ? 'text' : typeof value} ${String(value).slice(0, 40)}`;
}
