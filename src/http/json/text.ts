import { TensorReply } from '../../../schemas/tensor.ts';
import { ElementBytes } from '../../domain/bytes.ts';
import { Problem } from '../../domain/problems.ts';
import { type Dtype, sameShape, Tensor, type TensorData } from '../../domain/tensor.ts';
import { encodeElements } from '../../domain/tensor-bytes.ts';
import { expectedLength, flatText, nestedText } from '../numbers/text.ts';

const MOST_MIB = 8;
/** The most text of a reply. It is held as a string and again as the bytes that are sent. */
const MOST_CHARACTERS = MOST_MIB * 2 ** 20;

/**
 * JSON text of a reply. Tensors are printed by our own number text, everything else as JSON.stringify does.
 * @throws {Problem} limit-exceeded if the text of its tensors would be longer than MOST_CHARACTERS
 */
export function jsonText(value: unknown): string {
  return textOf(value, { tensors: new Map(), characters: 0 });
}

/** The same of an object, without the brace that opens it: so more fields can be put before it without a copy of the text. */
export function openedText(value: object): string {
  return `${fieldsText(value, { tensors: new Map(), characters: 0 })}}`;
}

/**
 * As jsonText, with large tensors printed later, where there are any. `before` are the characters of the reply before it.
 * @throws {Problem} limit-exceeded
 */
export function replyText(value: unknown, before = 0): string | LongText {
  const printed: Printed = { tensors: new Map(), characters: before, later: [] };
  const text = textOf(value, printed);
  const { later = [], characters } = printed;
  if (later.length === 0) return text;
  return new LongText(text.length + Math.ceil(characters), () => filledPieces(text.split(GAP), later));
}

/** The text of a list, an item in each slice or less. @throws {Problem} limit-exceeded, as jsonText */
export function* listText(items: Iterable<unknown>): Generator<void, string> {
  const parts: string[] = [];
  let length = 0;
  for (const item of items) {
    const text = replyText(item, length);
    const first = parts.length;
    for (const piece of typeof text === 'string' ? [text] : text.pieces()) {
      parts.push(length === 0 ? piece : parts.length === first ? `,${piece}` : piece);
      length += piece.length;
      yield;
    }
  }
  return `[${parts.join('')}]`;
}

/** Stands for a large tensor in the text around it: JSON has no such character. */
const GAP = '\0';

/** Text that is printed a piece at a time. The tensors must stay as they are meanwhile. */
export class LongText {
  /** About how many characters it has. */
  readonly length: number;
  readonly pieces: () => Iterable<string>;

  constructor(length: number, pieces: () => Iterable<string>) {
    this.length = length;
    this.pieces = pieces;
  }

  toString(): string {
    return [...this.pieces()].join('');
  }
}

/** The text around tensors, with them. */
function* filledPieces(around: readonly string[], tensors: readonly TensorReply[]): Generator<string> {
  for (const [index, text] of around.entries()) {
    if (index > 0) yield* tensorPieces(tensors[index - 1]);
    yield text;
  }
}

function tooLong(): Problem {
  return tooLongText('This reply', 'Send Accept: application/x-safetensors');
}

/** `instead`: how a client gets what is too long as text. */
export function tooLongText(what: string, instead: string): Problem {
  const detail = `${what} may take more than ${MOST_MIB} MiB as JSON, or too long to print. ${instead}, or ask for less at once.`;
  return new Problem('limit-exceeded', detail);
}

/** Elements that are printed in some 50 ms: float32 is printed by WebAssembly. */
const MOST_PRINTED: Readonly<Record<Dtype, number>> = {
  float32: Number.POSITIVE_INFINITY,
  bool: 2 ** 21,
  float16: 2 ** 20,
  bfloat16: 2 ** 20,
  int32: 2 ** 19,
  int64: 2 ** 18,
  float64: 2 ** 18,
};

/** The part of a reply that was printed so far. */
interface Printed {
  /** By their elements: a reply may have thousands. */
  readonly tensors: Map<TensorData, { readonly reply: TensorReply; readonly text: string }[]>;
  /** Of all tensors. */
  characters: number;
  /** Large tensors, where they may be printed later. */
  readonly later?: TensorReply[];
}

/** A state that is also the output is printed only once. */
function textOf(value: unknown, printed: Printed): string {
  if (value instanceof TensorReply) {
    if (printed.later && value.tensor.data.length > PIECE[value.tensor.dtype]) {
      printed.characters += requirePrintable(value, MOST_CHARACTERS - printed.characters);
      printed.later.push(value);
      return GAP;
    }
    const { data } = value.tensor;
    const alike = printed.tensors.get(data) ?? [];
    const known = alike.find(({ reply }) => isSame(reply, value));
    const text = known?.text ?? tensorText(value, MOST_CHARACTERS - printed.characters);
    if (!known) printed.tensors.set(data, [...alike, { reply: value, text }]);
    printed.characters += text.length;
    if (printed.characters > MOST_CHARACTERS) throw tooLong();
    return text;
  }
  if (Array.isArray(value)) {
    return `[${value.map((item) => textOf(item === undefined ? null : item, printed)).join(',')}]`;
  }
  if (typeof value === 'object' && value !== null) {
    return `{${fieldsText(value, printed)}}`;
  }
  // What JSON.stringify writes for it, in less time.
  return typeof value === 'number' && Number.isFinite(value) ? `${value}` : JSON.stringify(value);
}

function fieldsText(value: object, printed: Printed): string {
  let text = '';
  for (const name in value) {
    const field = (value as Record<string, unknown>)[name];
    if (field !== undefined) text += `${text === '' ? '' : ','}${JSON.stringify(name)}:${textOf(field, printed)}`;
  }
  return text;
}

/** Of two with the same elements. */
function isSame(a: TensorReply, b: TensorReply): boolean {
  const one = a.tensor;
  const other = b.tensor;
  return a.format === b.format && one.dtype === other.dtype && sameShape(one.shape, other.shape);
}

/** About how long the text is. Checked before printing, which would take seconds and the memory that this limit saves. */
function requirePrintable({ tensor, format }: TensorReply, most: number): number {
  const length = format === 'base64' ? (tensor.data.byteLength / 3) * 4 : expectedLength(tensor);
  if (length > most || (format !== 'base64' && tensor.data.length > MOST_PRINTED[tensor.dtype])) throw tooLong();
  return length;
}

function tensorText(reply: TensorReply, most: number): string {
  requirePrintable(reply, most);
  const { tensor, format } = reply;
  if (format === 'nested') return nestedText(tensor);
  if (format === 'flat') return `${headOf(tensor)},"data":${flatText(tensor)}}`;
  return `${headOf(tensor)},"base64":"${Buffer.from(encodeElements(tensor)).toString('base64')}"}`;
}

function headOf({ shape, dtype }: Tensor): string {
  return `{"shape":${JSON.stringify(shape)},"dtype":"${dtype}"`;
}

/** Elements that are printed in a millisecond or so. */
const PIECE: Readonly<Record<Dtype, number>> = {
  float32: 2 ** 15,
  bool: 2 ** 15,
  float16: 2 ** 12,
  bfloat16: 2 ** 12,
  int32: 2 ** 14,
  int64: 2 ** 13,
  float64: 2 ** 13,
};
/** Of base64, which has no rest between pieces. */
const PIECE_BYTES = 3 * 2 ** 17;

/** As tensorText. */
function* tensorPieces({ tensor, format }: TensorReply): Generator<string> {
  if (format === 'nested') {
    yield* nestedPieces(tensor);
  } else if (format === 'flat') {
    yield `${headOf(tensor)},"data":`;
    yield* nestedPieces(new Tensor(tensor.dtype, [tensor.data.length], tensor.data));
    yield '}';
  } else {
    yield `${headOf(tensor)},"base64":"`;
    const bytes = new ElementBytes(tensor);
    for (let from = 0; from < bytes.length; from += PIECE_BYTES) {
      const part = bytes.subarray(from, Math.min(from + PIECE_BYTES, bytes.length));
      yield Buffer.from(part.buffer, part.byteOffset, part.length).toString('base64');
    }
    yield '"}';
  }
}

/** As nestedText. */
function* nestedPieces(tensor: Tensor): Generator<string> {
  const { dtype, shape, data } = tensor;
  const most = PIECE[dtype];
  if (data.length <= most) return yield nestedText(tensor);
  const [count, ...rest] = shape;
  const inner = data.length / count;
  const each = Math.max(1, Math.floor(most / inner));
  yield '[';
  for (let from = 0; from < count; from += each) {
    const to = Math.min(from + each, count);
    const part = data.subarray(from * inner, to * inner);
    if (from > 0) yield ',';
    if (inner > most) yield* nestedPieces(new Tensor(dtype, rest, part));
    else yield nestedText(new Tensor(dtype, [to - from, ...rest], part)).slice(1, -1);
  }
  yield ']';
}
