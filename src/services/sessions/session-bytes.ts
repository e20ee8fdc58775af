import { decodeRecord } from '../../domain/record.ts';
import type { SessionRecord } from '../../domain/session.ts';
import { BYTES_PER_ELEMENT, DTYPES, sizeOf, type Tensor } from '../../domain/tensor.ts';
import { encodeElements, viewElements } from '../../domain/tensor-bytes.ts';

export interface SessionContent {
  readonly record: SessionRecord;
  /** One [batch, units] tensor for each state of the cell. */
  readonly states: readonly Tensor[];
  /** The output of the last step, [batch, width], kept from the first masked step on: masked steps repeat it. */
  readonly output?: Tensor;
}

const MAGIC = 0x31534553; // "SES1", little-endian
/** Positions of a session's numbers: float64, or NONE for a missing one; dataStart, states and tensors are uint32. */
const AT = {
  dataStart: 4,
  cell_version: 8,
  batch_size: 16,
  step: 24,
  ttl_seconds: 32,
  history_limit: 40,
  history_oldest: 48,
  version: 56,
  created_at: 64,
  updated_at: 72,
  states: 80,
  tensors: 84,
  texts: 88,
} as const;
const NONE = -1;
/** Tensors begin at a multiple of it, so they can be read in place. */
const ALIGNMENT = 8;
const TEXTS = 5;

/**
 * Sessions have their own layout, because each step reads and writes one. It takes a fraction of the time of JSON records
 * (record.ts) and half of the bytes. All little-endian: magic; where the tensors' bytes start; the numbers; how many states
 * there are, and tensors; the texts id, uid, cell, cell_uid and pinned, a byte of length before each; of each tensor its
 * dtype, its rank and (uint32) its extents; and, aligned, the tensors' bytes. The result is for as long as a request.
 */
export function encodeSession(record: SessionRecord, states: readonly Tensor[], output?: Tensor): Uint8Array {
  const { id, uid, cell, cell_uid, pinned = '', history } = record;
  const tensors = output ? [...states, output] : states;
  let headBytes = AT.texts + TEXTS + id.length + uid.length + cell.length + cell_uid.length + pinned.length;
  let dataBytes = 0;
  for (const { dtype, shape } of tensors) {
    headBytes += 2 + 4 * shape.length;
    dataBytes += sizeOf(shape) * BYTES_PER_ELEMENT[dtype];
  }
  const dataStart = Math.ceil(headBytes / ALIGNMENT) * ALIGNMENT;
  const bytes = Buffer.allocUnsafe(dataStart + dataBytes);
  bytes.writeUInt32LE(MAGIC, 0);
  bytes.writeUInt32LE(dataStart, AT.dataStart);
  bytes.writeDoubleLE(record.cell_version, AT.cell_version);
  bytes.writeDoubleLE(record.batch_size, AT.batch_size);
  bytes.writeDoubleLE(record.step, AT.step);
  bytes.writeDoubleLE(record.ttl_seconds ?? NONE, AT.ttl_seconds);
  bytes.writeDoubleLE(history?.limit ?? NONE, AT.history_limit);
  bytes.writeDoubleLE(history?.oldest ?? NONE, AT.history_oldest);
  bytes.writeDoubleLE(record.version, AT.version);
  bytes.writeDoubleLE(record.created_at, AT.created_at);
  bytes.writeDoubleLE(record.updated_at, AT.updated_at);
  bytes.writeUInt32LE(states.length, AT.states);
  bytes.writeUInt32LE(tensors.length, AT.tensors);
  let at = AT.texts as number;
  at = writeText(bytes, id, at);
  at = writeText(bytes, uid, at);
  at = writeText(bytes, cell, at);
  at = writeText(bytes, cell_uid, at);
  at = writeText(bytes, pinned, at);
  let data = dataStart;
  for (const tensor of tensors) {
    bytes[at++] = DTYPES.indexOf(tensor.dtype);
    bytes[at++] = tensor.shape.length;
    for (const extent of tensor.shape) at = bytes.writeUInt32LE(extent, at);
    const elements = encodeElements(tensor);
    bytes.set(elements, data);
    data += elements.length;
  }
  bytes.fill(0, at, dataStart);
  return bytes;
}

/** Ids and names are ASCII, and shorter than 256 characters. */
function writeText(bytes: Buffer, text: string, at: number): number {
  bytes[at] = text.length;
  return at + 1 + bytes.write(text, at + 1, 'latin1');
}

/**
 * Its tensors are views of `bytes`. What format 2 of a store has for a session, a record in JSON, is read too.
 * @throws {Error} if the bytes are not a session: a damaged store must never be misread.
 */
export function decodeSession(bytes: Uint8Array): SessionContent {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  if (buffer.readUInt32LE(0) !== MAGIC) return decodeJsonSession(bytes);
  let at = AT.texts as number;
  const readText = () => {
    const start = at + 1;
    at = start + buffer[at];
    return buffer.toString('latin1', start, at);
  };
  const id = readText();
  const uid = readText();
  const cell = readText();
  const cell_uid = readText();
  const pinned = readText();
  const ttl = buffer.readDoubleLE(AT.ttl_seconds);
  const limit = buffer.readDoubleLE(AT.history_limit);
  const record: SessionRecord = {
    format: 1,
    id,
    uid,
    cell,
    cell_uid,
    cell_version: buffer.readDoubleLE(AT.cell_version),
    batch_size: buffer.readDoubleLE(AT.batch_size),
    step: buffer.readDoubleLE(AT.step),
    ttl_seconds: ttl === NONE ? null : ttl,
    pinned: pinned === '' ? undefined : pinned,
    history: limit === NONE ? undefined : { limit, oldest: buffer.readDoubleLE(AT.history_oldest) },
    version: buffer.readDoubleLE(AT.version),
    created_at: buffer.readDoubleLE(AT.created_at),
    updated_at: buffer.readDoubleLE(AT.updated_at),
  };
  const tensors: Tensor[] = [];
  let data = buffer.readUInt32LE(AT.dataStart);
  for (let left = buffer.readUInt32LE(AT.tensors); left > 0; left--) {
    const dtype = DTYPES[buffer[at]];
    const shape: number[] = [];
    const end = at + 2 + 4 * buffer[at + 1];
    for (at += 2; at < end; at += 4) shape.push(buffer.readUInt32LE(at));
    const start = data;
    data += sizeOf(shape) * BYTES_PER_ELEMENT[dtype];
    // Also if the dtype is unknown.
    if (!(data <= bytes.length)) break;
    tensors.push(viewElements(dtype, shape, bytes, start));
  }
  if (data !== bytes.length) throw new Error('the store holds a damaged session');
  const output = tensors.length > buffer.readUInt32LE(AT.states) ? tensors.pop() : undefined;
  return output ? { record, states: tensors, output } : { record, states: tensors };
}

function decodeJsonSession(bytes: Uint8Array): SessionContent {
  const { fields, tensors } = decodeRecord<SessionRecord>(bytes);
  const { output, ...states } = tensors;
  return { record: fields, states: Object.values(states), ...(output ? { output } : {}) };
}
