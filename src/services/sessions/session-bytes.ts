import { type Bytes, ElementBytes, JoinedBytes, LONG_BYTES } from '../../domain/bytes.ts';
import { decodeRecord, decodeRecordSlices, type StoredRecord } from '../../domain/record.ts';
import type { SessionRecord } from '../../domain/session.ts';
import { BYTES_PER_ELEMENT, DTYPES, type Dtype, type Shape, sizeOf, type Tensor } from '../../domain/tensor.ts';
import { encodeElements, viewElements, viewSlices } from '../../domain/tensor-bytes.ts';

export interface SessionContent {
  readonly record: SessionRecord;
  /** One [batch, units] tensor for each state of the cell. */
  readonly states: readonly Tensor[];
  /** The output of the last step, [batch, width], kept from the first masked step on: masked steps repeat it. */
  readonly output?: Tensor;
}

export const MAGIC = 0x31534553; // "SES1", little-endian
/** Positions of a session's numbers: float64, or NONE for a missing one; dataStart, states and tensors are uint32. */
export const AT = {
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
export const NONE = -1;
/** The numbers among them. */
export type SessionNumber = Exclude<keyof typeof AT, 'dataStart' | 'states' | 'tensors' | 'texts'>;
/** Tensors begin at a multiple of it, so they can be read in place. */
const ALIGNMENT = 8;

/**
 * Sessions have their own layout, because each step reads and writes one. It takes a fraction of the time of JSON records
 * (record.ts) and half of the bytes. All little-endian: magic; where the tensors' bytes start; the numbers; how many states
 * there are, and tensors; the texts id, uid, cell, cell_uid and pinned, a byte of length before each; of each tensor its
 * dtype, its rank and (uint32) its extents; and, aligned, the tensors' bytes. The result is for as long as a request, and is made
 * when it is written where it is long.
 */
export function encodeSession(record: SessionRecord, states: readonly Tensor[], output?: Tensor): Bytes {
  const { history } = record;
  const tensors = output ? [...states, output] : states;
  const texts = textsOf(record);
  let headBytes = AT.texts + texts.length;
  let dataBytes = 0;
  for (const { dtype, shape } of tensors) {
    headBytes += 2 + 4 * shape.length;
    dataBytes += sizeOf(shape) * BYTES_PER_ELEMENT[dtype];
  }
  const dataStart = Math.ceil(headBytes / ALIGNMENT) * ALIGNMENT;
  const isLong = dataBytes > LONG_BYTES;
  const bytes = Buffer.allocUnsafe(isLong ? dataStart : dataStart + dataBytes);
  const head = new DataView(bytes.buffer, bytes.byteOffset, dataStart);
  head.setUint32(0, MAGIC, true);
  head.setUint32(AT.dataStart, dataStart, true);
  head.setFloat64(AT.cell_version, record.cell_version, true);
  head.setFloat64(AT.batch_size, record.batch_size, true);
  head.setFloat64(AT.step, record.step, true);
  head.setFloat64(AT.ttl_seconds, record.ttl_seconds ?? NONE, true);
  head.setFloat64(AT.history_limit, history?.limit ?? NONE, true);
  head.setFloat64(AT.history_oldest, history?.oldest ?? NONE, true);
  head.setFloat64(AT.version, record.version, true);
  head.setFloat64(AT.created_at, record.created_at, true);
  head.setFloat64(AT.updated_at, record.updated_at, true);
  head.setUint32(AT.states, states.length, true);
  head.setUint32(AT.tensors, tensors.length, true);
  let at = AT.texts + bytes.write(texts, AT.texts, 'latin1');
  let data = dataStart;
  for (const tensor of tensors) {
    bytes[at++] = DTYPES.indexOf(tensor.dtype);
    bytes[at++] = tensor.shape.length;
    for (const extent of tensor.shape) {
      head.setUint32(at, extent, true);
      at += 4;
    }
    if (isLong) continue;
    const elements = encodeElements(tensor);
    bytes.set(elements, data);
    data += elements.length;
  }
  while (at < dataStart) bytes[at++] = 0;
  return isLong ? new JoinedBytes([bytes, ...tensors.map((tensor) => new ElementBytes(tensor))]) : bytes;
}

/** All in one, as each call that reads or writes text takes long. Ids and names are ASCII, and shorter than 256 characters. */
function textsOf({ id, uid, cell, cell_uid, pinned = '' }: SessionRecord): string {
  return `${lengthOf(id)}${id}${lengthOf(uid)}${uid}${lengthOf(cell)}${cell}${lengthOf(cell_uid)}${cell_uid}${lengthOf(pinned)}${pinned}`;
}

/** As a character of Latin-1, which is one byte. */
function lengthOf(text: string): string {
  return String.fromCharCode(text.length);
}

interface Placed {
  readonly dtype: Dtype;
  readonly shape: Shape;
  /** Where its bytes start. */
  readonly start: number;
}

/**
 * Its tensors are views of `bytes`, or widened copies. What format 2 of a store has for a session, a record in JSON, is read too.
 * @throws {Error} if the bytes are not a session: a damaged store must never be misread.
 */
export function decodeSession(bytes: Uint8Array): SessionContent {
  if (!isLaidOut(bytes)) return contentOf(decodeRecord<SessionRecord>(bytes));
  const { record, states, placed } = readHead(bytes);
  const tensors = placed.map(({ dtype, shape, start }) => viewElements(dtype, shape, bytes, start));
  return withOutput(record, tensors, states);
}

/** The same in slices, where elements are widened. */
export function* sessionSlices(bytes: Uint8Array): Generator<void, SessionContent> {
  if (!isLaidOut(bytes)) return contentOf(yield* decodeRecordSlices<SessionRecord>(bytes));
  const { record, states, placed } = readHead(bytes);
  const tensors: Tensor[] = [];
  for (const { dtype, shape, start } of placed) tensors.push(yield* viewSlices(dtype, shape, bytes, start));
  return withOutput(record, tensors, states);
}

function isLaidOut({ buffer, byteOffset, length }: Uint8Array): boolean {
  return new DataView(buffer, byteOffset, length).getUint32(0, true) === MAGIC;
}

function withOutput(record: SessionRecord, tensors: Tensor[], states: number): SessionContent {
  const output = tensors.length > states ? tensors.pop() : undefined;
  return output ? { record, states: tensors, output } : { record, states: tensors };
}

function readHead(bytes: Uint8Array): { record: SessionRecord; states: number; placed: readonly Placed[] } {
  const head = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const dataStart = head.getUint32(AT.dataStart, true);
  const texts = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1', AT.texts, dataStart);
  let read = 0;
  const readText = () => {
    const start = read + 1;
    read = start + texts.charCodeAt(read);
    return texts.slice(start, read);
  };
  const id = readText();
  const uid = readText();
  const cell = readText();
  const cell_uid = readText();
  const pinned = readText();
  const number = (at: number) => head.getFloat64(at, true);
  const ttl = number(AT.ttl_seconds);
  const limit = number(AT.history_limit);
  const record: SessionRecord = {
    format: 1,
    id,
    uid,
    cell,
    cell_uid,
    cell_version: number(AT.cell_version),
    batch_size: number(AT.batch_size),
    step: number(AT.step),
    ttl_seconds: ttl === NONE ? null : ttl,
    pinned: pinned === '' ? undefined : pinned,
    history: limit === NONE ? undefined : { limit, oldest: number(AT.history_oldest) },
    version: number(AT.version),
    created_at: number(AT.created_at),
    updated_at: number(AT.updated_at),
  };
  const placed: Placed[] = [];
  let at = AT.texts + read;
  let data = dataStart;
  for (let left = head.getUint32(AT.tensors, true); left > 0; left--) {
    const dtype = DTYPES[head.getUint8(at)];
    const shape: number[] = [];
    const end = at + 2 + 4 * head.getUint8(at + 1);
    for (at += 2; at < end; at += 4) shape.push(head.getUint32(at, true));
    const start = data;
    data += sizeOf(shape) * BYTES_PER_ELEMENT[dtype];
    // Also if the dtype is unknown.
    if (!(data <= bytes.length)) break;
    placed.push({ dtype, shape, start });
  }
  if (data !== bytes.length) throw new Error('the store holds a damaged session');
  return { record, states: head.getUint32(AT.states, true), placed };
}

function contentOf({ fields, tensors }: StoredRecord<SessionRecord>): SessionContent {
  const { output, ...states } = tensors;
  return { record: fields, states: Object.values(states), ...(output ? { output } : {}) };
}
