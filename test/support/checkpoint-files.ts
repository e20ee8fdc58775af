import { parseManifest } from '../../schemas/checkpoint-manifest.ts';
import { Tensor } from '../../src/domain/tensor.ts';
import { createCheckpointCodec } from '../../src/files/checkpoint-codec.ts';
import { writeSafetensors } from '../../src/files/safetensors/safetensors.ts';

export const SAFETENSORS = { 'content-type': 'application/x-safetensors' };

/** The file of a checkpoint of one variable `v` of so many float32, which are whole numbers from `first` on. */
export function checkpointFile(elements: number, first = 0): Buffer {
  const data = new Float32Array(elements);
  for (let at = 0; at < elements; at++) data[at] = (first + at) % 2 ** 20;
  const manifest = { format: 1, cells: [], variables: [{ id: 'v', trainable: true }], sessions: [] };
  const tensors = new Map([['variables/v', new Tensor('float32', [elements], data)]]);
  return Buffer.from(writeSafetensors(tensors, { cellstep: JSON.stringify(manifest) }));
}

/** What a checkpoint's file holds. */
export function openCheckpoint(file: Uint8Array) {
  const read = async (from: number, to: number) => new Uint8Array(file.subarray(from, to));
  return createCheckpointCodec(parseManifest).open({ length: file.length, read }, () => undefined);
}
