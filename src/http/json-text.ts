import { TensorReply } from '../../schemas/tensor.ts';
import { Problem } from '../domain/problems.ts';
import { type Dtype, sameShape } from '../domain/tensor.ts';
import { encodeElements } from '../domain/tensor-bytes.ts';
import { expectedLength, flatText, nestedText } from './number-text.ts';

/** The most text of a reply. It is held as a string and again as the bytes that are sent. */
const MOST_CHARACTERS = 8 * 2 ** 20;

/**
 * JSON text of a reply. Tensors are printed by our own number text, everything else as JSON.stringify does.
 * @throws {Problem} limit-exceeded if the text of its tensors would be longer than MOST_CHARACTERS
 */
export function jsonText(value: unknown): string {
  return textOf(value, { tensors: [], characters: 0 });
}

function tooLong(): Problem {
  const most = MOST_CHARACTERS / 2 ** 20;
  const detail = `This reply may take more than ${most} MiB as JSON, or too long to print. Send Accept: application/x-safetensors, or ask for less at once.`;
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
  readonly tensors: { readonly reply: TensorReply; readonly text: string }[];
  /** Of all tensors. */
  characters: number;
}

/** A state that is also the output is printed only once. */
function textOf(value: unknown, printed: Printed): string {
  if (value instanceof TensorReply) {
    const known = printed.tensors.find(({ reply }) => isSame(reply, value));
    const text = known?.text ?? tensorText(value, MOST_CHARACTERS - printed.characters);
    if (!known) printed.tensors.push({ reply: value, text });
    printed.characters += text.length;
    if (printed.characters > MOST_CHARACTERS) throw tooLong();
    return text;
  }
  if (Array.isArray(value)) {
    return `[${value.map((item) => textOf(item === undefined ? null : item, printed)).join(',')}]`;
  }
  if (typeof value === 'object' && value !== null) {
    let text = '';
    for (const name of Object.keys(value)) {
      const field = (value as Record<string, unknown>)[name];
      if (field !== undefined) text += `${text === '' ? '' : ','}${JSON.stringify(name)}:${textOf(field, printed)}`;
    }
    return `{${text}}`;
  }
  return JSON.stringify(value);
}

function isSame(a: TensorReply, b: TensorReply): boolean {
  const one = a.tensor;
  const other = b.tensor;
  return (
    one.data === other.data && a.format === b.format && one.dtype === other.dtype && sameShape(one.shape, other.shape)
  );
}

function tensorText({ tensor, format }: TensorReply, most: number): string {
  // Checked before printing, which would take seconds and the memory that this limit saves.
  const length = format === 'base64' ? (tensor.data.byteLength / 3) * 4 : expectedLength(tensor);
  if (length > most || (format !== 'base64' && tensor.data.length > MOST_PRINTED[tensor.dtype])) throw tooLong();
  if (format === 'nested') return nestedText(tensor);
  const head = `{"shape":${JSON.stringify(tensor.shape)},"dtype":"${tensor.dtype}"`;
  if (format === 'flat') return `${head},"data":${flatText(tensor)}}`;
  return `${head},"base64":"${Buffer.from(encodeElements(tensor)).toString('base64')}"}`;
}
