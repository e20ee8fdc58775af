import type { Config } from './config.ts';

const MIB = 2 ** 20;
/** Node with the code, and the caches of store and cells (recent-values.ts, cell-cache.ts). */
const STANDING_BYTES = 256 * MIB;
/** While a thing is made, memory holds its tensors, its record, and the copy that is written. */
const COPIES = 3;

/** The reason if a container has less memory than the limits allow together; undefined if it has enough. */
export function memoryTooSmall(
  { limits, maxPackedBytes, workers }: Pick<Config, 'limits' | 'maxPackedBytes' | 'workers'>,
  memoryBytes: number,
): string | undefined {
  const process = STANDING_BYTES + maxPackedBytes + limits.maxInFlightBytes + COPIES * limits.maxThingBytes;
  if (workers * process <= memoryBytes) return undefined;
  const [packed, flight, thing] = [maxPackedBytes, limits.maxInFlightBytes, limits.maxThingBytes].map(inMib);
  const sum = `${inMib(STANDING_BYTES)} + CELLSTEP_MAX_PACKED_BYTES ${packed} + CELLSTEP_MAX_IN_FLIGHT_BYTES ${flight} + ${COPIES} x CELLSTEP_MAX_THING_BYTES ${thing} = ${inMib(process)} MiB`;
  const all = workers === 1 ? '' : `, for each of CELLSTEP_WORKERS ${workers}`;
  return `The limits add up to more than the ${inMib(memoryBytes)} MiB of memory of this container: ${sum}${all}. Lower them, or give it more memory.`;
}

function inMib(bytes: number): number {
  return Math.ceil(bytes / MIB);
}
