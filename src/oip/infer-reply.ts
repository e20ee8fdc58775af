import type { InferBody } from '../../schemas/oip.ts';
import { formatShape, type Tensor } from '../domain/tensor.ts';
import { encodeElements } from '../domain/tensor-bytes.ts';
import { flatText } from '../http/number-text.ts';
import type { Reply } from '../http/replies.ts';
import { DATATYPES } from './datatypes.ts';
import type { Inferred } from './infer.ts';

/**
 * The reply to an infer request: JSON, then the tensors that the client asked for as bytes, in order. The header
 * Inference-Header-Content-Length gives the length of the JSON.
 */
export function inferReply(model: string, body: InferBody, { cellVersion, outputs }: Inferred): Reply {
  const binary: Uint8Array[] = [];
  const texts = outputs.map(([name, tensor], i) => {
    const { binary_data: asked = body.parameters?.binary_data_output } = body.outputs?.[i]?.parameters ?? {};
    const head = `{"name":"${name}","datatype":"${DATATYPES[tensor.dtype]}","shape":${formatShape(tensor.shape)}`;
    if (!asked) return `${head},"data":${bareText(tensor)}}`;
    const bytes = encodeElements(tensor);
    binary.push(bytes);
    return `${head},"parameters":{"binary_data_size":${bytes.length}}}`;
  });
  const id = body.id === undefined ? '' : `"id":${JSON.stringify(body.id)},`;
  const text = `{${id}"model_name":"${model}","model_version":"${cellVersion}","outputs":[${texts.join(',')}]}`;
  if (binary.length === 0) return { status: 200, headers: { 'content-type': 'application/json' }, body: text };
  const json = Buffer.from(text);
  return {
    status: 200,
    headers: {
      'content-type': 'application/octet-stream',
      'inference-header-content-length': `${json.length}`,
    },
    body: Buffer.concat([json, ...binary]),
  };
}

/** Numbers as these clients read them: without quotes, even NaN, infinities and integers past 2^53. */
function bareText(tensor: Tensor): string {
  return flatText(tensor).replaceAll('"', '');
}
