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
  // Buffer's own methods for numbers take longer.
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  view.setUint32(0, MAGIC, true);
  view.setUint32(AT.dataStart, dataStart, true);
  view.setFloat64(AT.cell_version, record.cell_version, true);
  view.setFloat64(AT.batch_size, record.batch_size, true);
  view.setFloat64(AT.step, record.step, true);
  view.setFloat64(AT.ttl_seconds, record.ttl_seconds ?? NONE, true);
  view.setFloat64(AT.history_limit, history?.limit ?? NONE, true);
  view.setFloat64(AT.history_oldest, history?.oldest ?? NONE, true);
  view.setFloat64(AT.version, record.version, true);
  view.setFloat64(AT.created_at, record.created_at, true);
  view.setFloat64(AT.updated_at, record.updated_at, true);
  view.setUint32(AT.states, states.length, true);
  view.setUint32(AT.tensors, tensors.length, true);
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
    for (const extent of tensor.shape) {
      view.setUint32(at, extent, true);
      at += 4;
    }
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
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (view.getUint32(0, true) !== MAGIC) return decodeJsonSession(bytes);
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
  const ttl = view.getFloat64(AT.ttl_seconds, true);
  const limit = view.getFloat64(AT.history_limit, true);
  const record: SessionRecord = {
    format: 1,
    id,
    uid,
    cell,
    cell_uid,
    cell_version: view.getFloat64(AT.cell_version, true),
    batch_size: view.getFloat64(AT.batch_size, true),
    step: view.getFloat64(AT.step, true),
    ttl_seconds: ttl === NONE ? null : ttl,
    pinned: pinned === '' ? undefined : pinned,
    history: limit === NONE ? undefined : { limit, oldest: view.getFloat64(AT.history_oldest, true) },
    version: view.getFloat64(AT.version, true),
    created_at: view.getFloat64(AT.created_at, true),
    updated_at: view.getFloat64(AT.updated_at, true),
  };
  const tensors: Tensor[] = [];
  let data = view.getUint32(AT.dataStart, true);
  for (let left = view.getUint32(AT.tensors, true); left > 0; left--) {
    const dtype = DTYPES[buffer[at]];
    const shape: number[] = [];
    const end = at + 2 + 4 * buffer[at + 1];
    for (at += 2; at < end; at += 4) shape.push(view.getUint32(at, true));
    const start = data;
    data += sizeOf(shape) * BYTES_PER_ELEMENT[dtype];
    // Also if the dtype is unknown.
    if (!(data <= bytes.length)) break;
    tensors.push(viewElements(dtype, shape, bytes, start));
  }
  if (data !== bytes.length) throw new Error('the store holds a damaged session');
  const output = tensors.length > view.getUint32(AT.states, true) ? tensors.pop() : undefined;
  return output ? { record, states: tensors, output } : { record, states: tensors };
}

function decodeJsonSession(bytes: Uint8Array): SessionContent {
  const { fields, tensors } = decodeRecord<SessionRecord>(bytes);
  const { output, ...states } = tensors;
  return { record: fields, states: Object.values(states), ...(output ? { output } : {}) };
}
