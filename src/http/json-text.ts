import { constants } from 'node:buffer';
import { TensorReply } from '../../schemas/tensor.ts';
import { Problem } from '../domain/problems.ts';
import { sameShape } from '../domain/tensor.ts';
import { encodeElements } from '../domain/tensor-bytes.ts';
import { expectedLength, flatText, nestedText } from './number-text.ts';

/**
 * JSON text of a reply. Tensors are printed by our own number text, everything else as JSON.stringify does.
 * @throws {Problem} limit-exceeded where it is longer than a string can be
 */
export function jsonText(value: unknown): string {
  try {
    return textOf(value, []);
  } catch (error) {
    if (isTooLong(error)) throw tooLong();
    throw error;
  }
}

function isTooLong(error: unknown): boolean {
  const { code, message } = error as Partial<NodeJS.ErrnoException>;
  return code === 'ERR_STRING_TOO_LONG' || (error instanceof RangeError && message === 'Invalid string length');
}

function tooLong(): Problem {
  const most = Math.floor(constants.MAX_STRING_LENGTH / 2 ** 20);
  const detail = `This reply may take more than ${most} MiB as JSON. Send Accept: application/x-safetensors, or ask for less at once.`;
  return new Problem('limit-exceeded', detail);
}

/** `printed` are the tensors that came before: a state that is the output too is printed once. */
function textOf(value: unknown, printed: PrintedTensor[]): string {
  if (value instanceof TensorReply) {
    const known = printed.find(({ reply }) => isSame(reply, value));
    const text = known?.text ?? tensorText(value);
    if (!known) printed.push({ reply: value, text });
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

interface PrintedTensor {
  readonly reply: TensorReply;
  readonly text: string;
}

function isSame(a: TensorReply, b: TensorReply): boolean {
  const one = a.tensor;
  const other = b.tensor;
  return (
    one.data === other.data && a.format === b.format && one.dtype === other.dtype && sameShape(one.shape, other.shape)
  );
}

function tensorText({ tensor, format }: TensorReply): string {
  // It would be found out only after seconds.
  if (format !== 'base64' && expectedLength(tensor) > constants.MAX_STRING_LENGTH) throw tooLong();
  if (format === 'nested') return nestedText(tensor);
  const head = `{"shape":${JSON.stringify(tensor.shape)},"dtype":"${tensor.dtype}"`;
  if (format === 'flat') return `${head},"data":${flatText(tensor)}}`;
  return `${head},"base64":"${Buffer.from(encodeElements(tensor)).toString('base64')}"}`;
}
