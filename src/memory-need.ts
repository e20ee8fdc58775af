import type { Config } from './config.ts';

const MIB = 2 ** 20;
/** Node with the code, and the caches of store and cells (recent-values.ts, cell-cache.ts). */
const STANDING_BYTES = 256 * MIB;
/** While a thing is made, memory holds its tensors, its record, and the copy that is written. */
const COPIES = 3;
/** Where the environment does not say what a process of whole ONNX graphs may take, it is between these. */
const LEAST_GRAPH_BYTES = 256 * MIB;
const MOST_GRAPH_BYTES = 1024 * MIB;

/** What the limits of memory come to. */
export interface MemoryPlan {
  /** What a process that runs whole ONNX graphs may take. */
  readonly graphBytes: number;
  /** What the limits add up to, with each part of it. */
  readonly sum: string;
  /** Why the service must not start here. */
  readonly refusal?: string;
  /** What an operator should know of it. */
  readonly warning?: string;
}

/**
 * Compares what the limits allow with the memory of a container (Infinity: any). Limits that are set must fit. Whole ONNX graphs whose
 * limit is not set get what the others leave; where that is too little for them, the service runs all the same, as most of it needs no graphs.
 */
export function planMemory(
  { limits, maxPackedBytes, workers, onnx }: Pick<Config, 'limits' | 'maxPackedBytes' | 'workers' | 'onnx'>,
  memoryBytes: number,
  runsGraphs: boolean,
): MemoryPlan {
  const { maxInFlightBytes, maxThingBytes } = limits;
  const own = STANDING_BYTES + maxPackedBytes + maxInFlightBytes + COPIES * maxThingBytes;
  const left = (memoryBytes / workers - own) / onnx.processes;
  const graphBytes = onnx.maxBytes ?? Math.min(MOST_GRAPH_BYTES, Math.max(LEAST_GRAPH_BYTES, Math.floor(left)));
  const needed = (each: number) => workers * (own + (runsGraphs ? onnx.processes * each : 0));

  const [packed, flight, thing, graph] = [maxPackedBytes, maxInFlightBytes, maxThingBytes, graphBytes].map(inMib);
  const graphs = runsGraphs ? ` + CELLSTEP_ONNX_PROCESSES ${onnx.processes} x CELLSTEP_ONNX_MAX_BYTES ${graph}` : '';
  const each = `${inMib(STANDING_BYTES)} + CELLSTEP_MAX_PACKED_BYTES ${packed} + CELLSTEP_MAX_IN_FLIGHT_BYTES ${flight} + ${COPIES} x CELLSTEP_MAX_THING_BYTES ${thing}${graphs} = ${inMib(needed(graphBytes) / workers)} MiB`;
  const sum = workers === 1 ? each : `${each}, for each of CELLSTEP_WORKERS ${workers}`;

  const plan = { graphBytes, sum };
  if (needed(graphBytes) <= memoryBytes) return plan;
  const has = `${inMib(memoryBytes)} MiB of memory of this container`;
  if (onnx.maxBytes !== undefined || workers * own > memoryBytes) {
    const refusal = `The limits add up to more than the ${has}: ${sum}. Lower them, or give it more memory.`;
    return { ...plan, refusal };
  }
  const warning = `Whole ONNX graphs do not fit beside the limits in the ${has}: ${sum}. One that needs much may have it killed. Give it ${inMib(needed(LEAST_GRAPH_BYTES))} MiB or more, or lower the limits.`;
  return { ...plan, warning };
}

function inMib(bytes: number): number {
  return Math.ceil(bytes / MIB);
}
