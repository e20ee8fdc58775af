import type { InferBody } from '../../schemas/oip.ts';
import { TensorReply } from '../../schemas/tensor.ts';
import { type Bytes, ElementBytes, JoinedBytes } from '../domain/bytes.ts';
import { Problem } from '../domain/problems.ts';
import { formatShape, Tensor } from '../domain/tensor.ts';
import { LongText, replyText, tooLongText } from '../http/json/text.ts';
import type { Reply } from '../http/replies/replies.ts';
import { DATATYPES } from './datatypes.ts';
import type { Inferred } from './infer.ts';

/**
 * The reply to an infer request: JSON, then the tensors that the client asked for as bytes, in order. The header
 * Inference-Header-Content-Length gives the length of the JSON. What is long is printed, and encoded, when it is sent.
 * @throws {Problem} limit-exceeded if the JSON would be too long
 */
export function inferReply(model: string, body: InferBody, { cellVersion, outputs }: Inferred): Reply {
  const binary: Bytes[] = [];
  const id = body.id === undefined ? '' : `"id":${JSON.stringify(body.id)},`;
  const parts: (string | LongText)[] = [`{${id}"model_name":"${model}","model_version":"${cellVersion}","outputs":[`];
  let printed = 0;
  for (const [i, [name, tensor]] of outputs.entries()) {
    const { binary_data: asked = body.parameters?.binary_data_output } = body.outputs?.[i]?.parameters ?? {};
    const head = `{"name":${JSON.stringify(name)},"datatype":"${DATATYPES[tensor.dtype]}","shape":${formatShape(tensor.shape)}`;
    if (i > 0) parts.push(',');
    if (asked) {
      const bytes = new ElementBytes(tensor);
      binary.push(bytes);
      parts.push(`${head},"parameters":{"binary_data_size":${bytes.length}}}`);
    } else {
      const text = bareText(tensor, printed);
      printed += text.length;
      parts.push(`${head},"data":`, text, '}');
    }
  }
  parts.push(']}');
  if (binary.length === 0) {
    const isLong = parts.some((part) => typeof part !== 'string');
    const text = isLong ? new LongText(printed, () => piecesOf(parts)) : parts.join('');
    return { status: 200, headers: { 'content-type': 'application/json' }, body: text };
  }
  const json = Buffer.from(parts.join(''));
  return {
    status: 200,
    headers: {
      'content-type': 'application/octet-stream',
      'inference-header-content-length': `${json.length}`,
    },
    body: new JoinedBytes([json, ...binary]),
  };
}

function* piecesOf(parts: readonly (string | LongText)[]): Generator<string> {
  for (const part of parts) {
    if (typeof part === 'string') yield part;
    else yield* part.pieces();
  }
}

/**
 * Numbers as these clients read them: flat, and without quotes, even NaN, infinities and integers past 2^53. `printed` are the characters of
 * the outputs before.
 */
function bareText({ dtype, data }: Tensor, printed: number): string | LongText {
  const text = quotedText(new Tensor(dtype, [data.length], data), printed);
  return typeof text === 'string' ? bare(text) : new LongText(text.length, () => barePieces(text));
}

function quotedText(tensor: Tensor, printed: number): string | LongText {
  try {
    return replyText(new TensorReply(tensor, 'nested'), printed);
  } catch (cause) {
    if (!(cause instanceof Problem)) throw cause;
    throw tooLongText('The outputs', 'Ask for them as binary data (binary_data_output)');
  }
}

function* barePieces(text: LongText): Generator<string> {
  for (const piece of text.pieces()) yield bare(piece);
}

function bare(text: string): string {
  return text.replaceAll('"', '');
}
