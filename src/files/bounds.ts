import type { Limits } from '../domain/limits.ts';
import { Problem } from '../domain/problems.ts';
import type { Shape } from '../domain/tensor.ts';

/** Bounds on what a file may make the service hold. Each one refused is `limit-exceeded`. */
export interface FileLimits {
  /** Bytes of the file as it was sent. */
  readonly maxFileBytes: number;
  /** Bytes of all its tensors once read, and of all that a compressed file unpacks to. */
  readonly maxUnpackedBytes: number;
  /** Tensors, archive members, nodes or groups. */
  readonly maxTensors: number;
  /** Bytes of a JSON header or configuration inside the file. */
  readonly maxHeaderBytes: number;
  /** Counts bytes that are unpacked, before they are. @throws {Problem} overloaded */
  readonly hold?: (bytes: number) => void;
}

export const DEFAULT_FILE_LIMITS: FileLimits = {
  maxFileBytes: 64 * 2 ** 20,
  maxUnpackedBytes: 256 * 2 ** 20,
  maxTensors: 10_000,
  maxHeaderBytes: 16 * 2 ** 20,
};

/** A file, and all that it unpacks to, may be as large as a checkpoint. */
export function fileLimitsOf({ maxCheckpointBytes }: Pick<Limits, 'maxCheckpointBytes'>): FileLimits {
  return { ...DEFAULT_FILE_LIMITS, maxFileBytes: maxCheckpointBytes, maxUnpackedBytes: maxCheckpointBytes };
}

/** The same limit as in HDF5. NumPy allows 64, and no recurrent weight has more than 3. */
const MAX_RANK = 32;

export function invalidFile(format: string, detail: string, cause?: unknown): Problem {
  return new Problem('invalid-file', `The ${format} file cannot be read: ${detail}`, { cause });
}

/** @throws {Problem} limit-exceeded if `actual` is over `limit`. `what` reads like `unpacked bytes`. */
export function requireWithin(format: string, what: string, actual: number, limit: number): void {
  if (actual <= limit) return;
  throw new Problem('limit-exceeded', `The ${format} file has ${actual} ${what}; at most ${limit} are taken.`);
}

/** A non-negative integer that a number holds exactly. */
export function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0 && !Object.is(value, -0);
}

/**
 * The number of elements of a claimed shape, without trusting it: nothing is allocated and nothing overflows.
 * @throws {Problem} invalid-file if an extent is not a count, the rank is over 32 or the product is not exact
 */
export function checkedSize(format: string, name: string, shape: readonly unknown[]): number {
  if (shape.length > MAX_RANK)
    throw invalidFile(format, `'${name}' has ${shape.length} dimensions, more than ${MAX_RANK}.`);
  let size = 1;
  for (const extent of shape) {
    if (!isCount(extent)) throw invalidFile(format, `the shape of '${name}' has the extent ${String(extent)}.`);
    size *= extent;
    if (!Number.isSafeInteger(size))
      throw invalidFile(format, `the shape [${shape.join(',')}] of '${name}' overflows.`);
  }
  return size;
}

/** A shape whose extents `checkedSize` has accepted. */
export function asShape(shape: readonly unknown[]): Shape {
  return shape.filter(isCount);
}
