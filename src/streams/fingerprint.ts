import { hash } from 'node:crypto';
import type { TensorLiteral } from '../domain/tensor-literal.ts';

/** Digest of a message as it was understood. The same numbers in another notation give the same digest. */
export function fingerprintOf(form: string, asked: object): string {
  return hash('sha256', `${form}\n${JSON.stringify(asked, withBytes)}`);
}

/** Tensors are digested as bytes, which is much faster than as text. */
function withBytes(_name: string, value: unknown): unknown {
  const { shape, values, integers } = Object(value) as Partial<TensorLiteral>;
  if (!(values instanceof Float64Array)) return value;
  return { shape, values: base64Of(values), ...(integers ? { integers: base64Of(integers) } : {}) };
}

function base64Of({ buffer, byteOffset, byteLength }: Float64Array | BigInt64Array): string {
  return Buffer.from(buffer, byteOffset, byteLength).toString('base64');
}
