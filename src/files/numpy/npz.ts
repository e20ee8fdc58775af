import type { Bytes } from '../../domain/bytes.ts';
import type { NamedTensors } from '../../domain/files.ts';
import type { Tensor } from '../../domain/tensor.ts';
import { inTurns } from '../../threads/in-turns.ts';
import { DEFAULT_FILE_LIMITS, type FileLimits, invalidFile, requireWithin } from '../bounds.ts';
import { readZip } from '../zip.ts';
import { zipSlices } from '../zip-writer.ts';
import { readNpy, writeNpy } from './npy.ts';

const FORMAT = 'npz';
const SUFFIX = '.npy';

/**
 * Reads what numpy.savez or savez_compressed wrote: a zip of .npy arrays, named without that suffix here.
 * @throws {Problem} invalid-file for any fault, limit-exceeded for a file over `limits`.
 */
export async function readNpz(
  bytes: Uint8Array,
  limits: FileLimits = DEFAULT_FILE_LIMITS,
): Promise<Map<string, Tensor>> {
  const tensors = new Map<string, Tensor>();
  let unpacked = 0;
  for (const [member, data] of await readZip(FORMAT, bytes, limits)) {
    if (!member.endsWith(SUFFIX)) throw invalidFile(FORMAT, `its member '${member}' is not a ${SUFFIX} array.`);
    const name = member.slice(0, -SUFFIX.length);
    const tensor = await inTurns(readNpy(name, data, limits));
    unpacked += tensor.data.byteLength;
    requireWithin(FORMAT, 'unpacked bytes', unpacked, limits.maxUnpackedBytes);
    tensors.set(name, tensor);
  }
  return tensors;
}

/** Writes a file for numpy.load, as numpy.savez does, in slices. bfloat16 becomes float32. The same input gives the same bytes. */
export function npzSlices(tensors: NamedTensors): Generator<void, Bytes> {
  return zipSlices(new Map([...tensors].map(([name, tensor]) => [`${name}${SUFFIX}`, writeNpy(tensor)])));
}
