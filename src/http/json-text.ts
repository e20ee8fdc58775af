import { TensorReply } from '../../schemas/tensor.ts';
import { encodeElements } from '../domain/tensor-bytes.ts';
import { flatText, nestedText } from './number-text.ts';

/** JSON text of a reply. Tensors are printed by our own number text, everything else as JSON.stringify does. */
export function jsonText(value: unknown): string {
  if (value instanceof TensorReply) return tensorText(value);
  if (Array.isArray(value)) return `[${value.map((item) => jsonText(item === undefined ? null : item)).join(',')}]`;
  if (typeof value === 'object' && value !== null) {
    const fields = Object.entries(value).filter(([, field]) => field !== undefined);
    return `{${fields.map(([name, field]) => `${JSON.stringify(name)}:${jsonText(field)}`).join(',')}}`;
  }
  return JSON.stringify(value);
}

function tensorText({ tensor, format }: TensorReply): string {
  if (format === 'nested') return nestedText(tensor);
  const head = `{"shape":${JSON.stringify(tensor.shape)},"dtype":"${tensor.dtype}"`;
  if (format === 'flat') return `${head},"data":${flatText(tensor)}}`;
  return `${head},"base64":"${Buffer.from(encodeElements(tensor)).toString('base64')}"}`;
}
