import type { TensorFields } from '../../../schemas/tensor-fields.ts';
import type { JsonObject } from '../../domain/json.ts';
import { SAFETENSORS } from '../../domain/media-types.ts';

function file(description: string): JsonObject {
  return { [SAFETENSORS]: { schema: { type: 'string', contentMediaType: SAFETENSORS, description } } };
}

/** The same body as a file of tensors; nothing if it has no tensors. */
export function tensorBodyContent(fields: TensorFields): JsonObject {
  const names = [...fields].flatMap(([field, kind]) => {
    if (kind === 'map' || typeof kind === 'object') return [];
    return kind === 'tensor' ? [`\`${field}\``] : [`\`${field}.0\` …`];
  });
  if (names.length === 0) return {};
  return file(`The same fields as tensors ${names.join(', ')}; the others as JSON text in \`__metadata__\`.`);
}

export const TENSOR_REPLY_CONTENT = file(
  'The same fields: tensors by their places, such as `output` and `states.0`; the others as JSON text in `__metadata__`.',
);
