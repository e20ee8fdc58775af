import { Problem } from '../../domain/problems.ts';
import type { ProcessEnded, RuntimeLimits } from './graph-process.ts';
import type { Fault } from './messages.ts';

/** The package that runs graphs; an optional peer dependency. */
export const PACKAGE = 'onnxruntime-node';
const MIB = 2 ** 20;
/** What the runtime says where the process may not have more memory. */
const NO_MEMORY = /bad_alloc|failed to allocate|out of memory|allocation failed/i;
const MAX_TEXT = 600;

export function notInstalled(): Problem {
  const detail = `Graphs run in ONNX Runtime, and the package ${PACKAGE} is not installed. Install it with "npm install ${PACKAGE} --ignore-scripts", or use the image whose tag ends in -onnx.`;
  return new Problem('engine-not-installed', detail);
}

/** What a client is told where the process ended under its run. */
export function endedProblem(ended: ProcessEnded, limits: RuntimeLimits): Problem {
  const { ending, cause } = ended;
  if (ending === 'over-time') {
    const detail = `The graph ran for more than ${limits.maxSeconds} s (CELLSTEP_ONNX_SECONDS) and was ended. Send less at once, or use a smaller graph.`;
    return new Problem('limit-exceeded', detail, { cause });
  }
  if (ending === 'over-memory') return overMemory(limits, cause);
  const detail = 'The process of ONNX Runtime ended while it had this graph. Nothing was changed.';
  return new Problem('compute-failed', detail, { retryAfterSeconds: 1, cause });
}

function overMemory({ maxBytes }: RuntimeLimits, cause: unknown): Problem {
  const detail = `The graph needs more than ${Math.floor(maxBytes / MIB)} MiB of memory (CELLSTEP_ONNX_MAX_BYTES). Send less at once, or use a smaller graph.`;
  return new Problem('limit-exceeded', detail, { cause });
}

/** What a client is told where the runtime refuses its graph, or what was given to it. */
export function faultProblem({ fault, kind }: Fault, isLoad: boolean, limits: RuntimeLimits): Problem {
  if (kind === 'not-installed') return notInstalled();
  if (kind === 'too-large') {
    const detail = `The results of this would have ${fault} bytes or more, over the limit of ${limits.maxResultBytes} (CELLSTEP_MAX_THING_BYTES). Send less at once.`;
    return new Problem('limit-exceeded', detail);
  }
  if (NO_MEMORY.test(fault)) return overMemory(limits, new Error(fault));
  const said = fault.replaceAll(/\s+/g, ' ').slice(0, MAX_TEXT);
  if (isLoad) return new Problem('invalid-file', `ONNX Runtime cannot load this graph: ${said}`);
  return new Problem('graph-failed', `ONNX Runtime cannot run this graph on these inputs: ${said}`);
}
