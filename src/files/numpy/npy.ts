import { type Bytes, ElementBytes, JoinedBytes } from '../../domain/bytes.ts';
import { type Dtype, type Shape, Tensor, type TensorData } from '../../domain/tensor.ts';
import { asShape, checkedSize, type FileLimits, invalidFile, requireWithin } from '../bounds.ts';
import { decodedBytes, decodeSlices, ELEMENT_TYPES, type ElementType, elementBytes, viewSlices } from '../elements.ts';

const FORMAT = 'npy';
const MAGIC = '\u0093NUMPY';
const ALIGNMENT = 64;
/** NumPy's own bound (max_header_size). */
const MAX_HEADER_BYTES = 10_000;
/** Of so many bytes no copy is made, where that is possible. */
const VIEWED_BYTES = 2 ** 20;
/** Elements that are put into another order in a millisecond or so. */
const SLICE = 2 ** 15;

const TYPES: Readonly<Record<string, ElementType>> = {
  f2: 'f16',
  f4: 'f32',
  f8: 'f64',
  i1: 'i8',
  i2: 'i16',
  i4: 'i32',
  i8: 'i64',
  u1: 'u8',
  u2: 'u16',
  u4: 'u32',
  b1: 'bool',
};

/** NumPy has no bfloat16: its values are written as float32, which holds them exactly. */
const DESCRIPTIONS: Readonly<Record<Dtype, string>> = {
  float16: '<f2',
  bfloat16: '<f4',
  float32: '<f4',
  float64: '<f8',
  int32: '<i4',
  int64: '<i8',
  bool: '|b1',
};

interface Header {
  readonly type: ElementType;
  readonly littleEndian: boolean;
  readonly fortranOrder: boolean;
  readonly shape: readonly unknown[];
}

/**
 * One array in NumPy's own format, versions 1 to 3, in slices; it may be a view on the bytes. Fortran order is turned into row-major. Source: numpy/lib/format.py.
 * `name` is its place, for messages.
 * @throws {Problem} invalid-file, limit-exceeded.
 */
export function* readNpy(name: string, bytes: Uint8Array, limits: FileLimits): Generator<void, Tensor> {
  const [start, text] = headerText(name, bytes);
  const { type, littleEndian, fortranOrder, shape } = parseHeader(name, text);
  const size = checkedSize(FORMAT, name, shape);
  const { bytes: width, dtype } = ELEMENT_TYPES[type];
  const room = bytes.length - start;
  if (size * width !== room) {
    throw invalidFile(
      FORMAT,
      `'${name}' has ${room} bytes of data, but its shape [${shape.join(',')}] takes ${size * width}.`,
    );
  }
  requireWithin(FORMAT, 'unpacked bytes', decodedBytes(type, size), limits.maxUnpackedBytes);
  const extents = asShape(shape);
  try {
    const packed = bytes.subarray(start);
    // A short one may be in a buffer with others.
    const views = littleEndian && packed.length > VIEWED_BYTES;
    const data = yield* views ? viewSlices(type, packed) : decodeSlices(type, packed, littleEndian);
    return new Tensor(dtype, extents, fortranOrder ? yield* toRowMajor(data, extents) : data);
  } catch (error) {
    throw invalidFile(FORMAT, `in '${name}' ${error instanceof Error ? error.message : error}.`, error);
  }
}

/** Version 1.0, row-major, little-endian. */
export function writeNpy(tensor: Tensor): Bytes {
  const { dtype, shape } = tensor;
  const extents = shape.length === 1 ? `${shape[0]},` : shape.join(', ');
  const text = `{'descr': '${DESCRIPTIONS[dtype]}', 'fortran_order': False, 'shape': (${extents}), }`;
  const start = Math.ceil((10 + text.length + 1) / ALIGNMENT) * ALIGNMENT;
  const head = new Uint8Array(start).fill(0x20);
  head.set(Buffer.from(`${MAGIC}\u0001\u0000`, 'latin1'));
  new DataView(head.buffer).setUint16(8, start - 10, true);
  head.set(Buffer.from(text, 'latin1'), 10);
  head[start - 1] = 0x0a;
  const written = dtype === 'bfloat16' ? new Tensor('float32', shape, tensor.data) : tensor;
  return new JoinedBytes([head, new ElementBytes(written, elementBytes)]);
}

function headerText(name: string, bytes: Uint8Array): [start: number, text: string] {
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  if (file.toString('latin1', 0, 6) !== MAGIC || file.length < 12)
    throw invalidFile(FORMAT, `'${name}' is not an array in NumPy's format.`);
  const version = file[6];
  if (version < 1 || version > 3 || file[7] !== 0)
    throw invalidFile(FORMAT, `'${name}' is of version ${version}.${file[7]}; 1.0 to 3.0 are read.`);
  const textAt = version === 1 ? 10 : 12;
  const length = version === 1 ? file.readUInt16LE(8) : file.readUInt32LE(8);
  if (textAt + length > file.length)
    throw invalidFile(FORMAT, `the header of '${name}' claims ${length} bytes, more than there are.`);
  if (length > MAX_HEADER_BYTES)
    throw invalidFile(FORMAT, `the header of '${name}' has ${length} bytes, more than ${MAX_HEADER_BYTES}.`);
  return [textAt + length, file.toString('utf8', textAt, textAt + length)];
}

/** A Python dictionary of exactly these three keys. */
function parseHeader(name: string, text: string): Header {
  const fields = new Map<string, string>();
  const body = /^\{(.*)\}\s*$/s.exec(text)?.[1] ?? '';
  const entry = /\s*(['"])(\w+)\1\s*:\s*(\((?:[^()]*)\)|\w+|'[^']*'|"[^"]*")\s*(?:,|$)\s*/y;
  while (entry.lastIndex < body.length) {
    const found = entry.exec(body);
    if (!found || fields.has(found[2]))
      throw invalidFile(FORMAT, `the header of '${name}' is not a dictionary as NumPy writes it.`);
    fields.set(found[2], found[3]);
  }
  const order = fields.get('fortran_order');
  const shape = /^\(\s*((?:\d+\s*,\s*)*(?:\d+)?)\s*\)$/.exec(fields.get('shape') ?? '')?.[1];
  if (fields.size !== 3 || shape === undefined || (order !== 'True' && order !== 'False')) {
    throw invalidFile(FORMAT, `the header of '${name}' does not have descr, fortran_order and shape.`);
  }
  const description = fields.get('descr') ?? '';
  const [, endian, code] = /^['"]([<>|])(\w+)['"]$/.exec(description) ?? [];
  if (code === undefined || !Object.hasOwn(TYPES, code)) {
    throw invalidFile(
      FORMAT,
      `'${name}' has the dtype ${description.slice(0, 40)}; those read are ${Object.keys(TYPES).join(', ')}.`,
    );
  }
  const extents = shape.split(',').map((extent) => extent.trim());
  return {
    type: TYPES[code],
    littleEndian: endian !== '>',
    fortranOrder: order === 'True',
    shape: extents.filter((extent) => extent !== '').map(Number),
  };
}

/** The same array with its last axis, instead of its first, next to one another in memory. */
function* toRowMajor(data: TensorData, shape: Shape): Generator<void, TensorData> {
  const result = new (data.constructor as new (length: number) => TensorData)(data.length);
  const index = shape.map(() => 0);
  for (let to = 0; to < data.length; to++) {
    if (to % SLICE === 0) yield;
    let from = 0;
    for (let axis = shape.length - 1; axis >= 0; axis--) from = from * shape[axis] + index[axis];
    result[to] = data[from];
    for (let axis = shape.length - 1; axis >= 0 && ++index[axis] === shape[axis]; axis--) index[axis] = 0;
  }
  return result;
}
