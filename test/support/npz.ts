import type { NamedTensors } from '../../src/domain/files.ts';
import { npzSlices } from '../../src/files/numpy/npz.ts';
import { atOnce } from '../../src/threads/in-turns.ts';

/** A whole .npz file. */
export function writeNpz(tensors: NamedTensors): Uint8Array {
  return atOnce(npzSlices(tensors)).subarray();
}
