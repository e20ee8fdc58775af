import { type Bytes, JoinedBytes } from '../../domain/bytes.ts';
import type { Shape, Tensor } from '../../domain/tensor.ts';

const WORD = 4;

/** The bytes of a file as a tensor, since tensors have no bytes: int32 words, the last one padded with zeros. */
export function wordsOf(file: Uint8Array): { readonly dtype: 'int32'; readonly shape: Shape; readonly bytes: Bytes } {
  const words = Math.ceil(file.length / WORD);
  const padding = new Uint8Array(words * WORD - file.length);
  return { dtype: 'int32', shape: [words], bytes: new JoinedBytes([file, padding]) };
}

/** The file that `wordsOf` has made a tensor of; undefined where the tensor is another one. */
export function fileOf({ dtype, shape, data }: Tensor, bytes: number): Uint8Array | undefined {
  if (dtype !== 'int32' || shape.length !== 1 || data.length !== Math.ceil(bytes / WORD)) return undefined;
  return new Uint8Array(data.buffer, data.byteOffset, bytes);
}
