import { createRequire } from 'node:module';
import type { Feeds, GraphProgram, GraphRequest, GraphResult, PreparedGraph } from '../../domain/graph.ts';
import { Problem } from '../../domain/problems.ts';
import type { Tensor } from '../../domain/tensor.ts';
import { decodeElements, encodeElements } from '../../domain/tensor-bytes.ts';
import { type Ending, GraphProcess, type ProcessEnded, type RuntimeLimits } from './graph-process.ts';
import { LoadedGraphs } from './loaded-graphs.ts';
import type { Answer, RunMessage, SentTensor } from './messages.ts';
import { endedProblem, faultProblem, notInstalled, PACKAGE } from './runtime-problems.ts';

/** Messages that a process has at most: the next one is there when it has answered one. */
const DEPTH = 2;
/** Requests that may wait. */
const MAX_WAITING = 4096;
/** A request whose process ended under another request's graph is tried again, so many times in all. */
const MAX_TRIES = 3;

export interface GraphEngine {
  prepare(program: GraphProgram): PreparedGraph;
  statistics(): GraphStatistics;
  /** Ends the processes; what still runs is refused. */
  close(): Promise<void>;
}

/** The state of the processes when it is asked for. */
export interface GraphStatistics {
  readonly processes: number;
  readonly running: number;
  readonly waiting: number;
  /** How many have ended so far, by the reason. */
  readonly ended: Readonly<Partial<Record<Ending, number>>>;
}

/** A process with what it has loaded. */
interface Seat {
  readonly process: GraphProcess;
  readonly loaded: LoadedGraphs;
}

/** Runs graphs in processes of their own, which start when there is something to run. */
export function createGraphEngine(limits: RuntimeLimits, isInstalled = findsPackage): GraphEngine {
  const seats = new Set<Seat>();
  const waiting: (() => void)[] = [];
  const ended: Partial<Record<Ending, number>> = {};
  let installed = false;
  let closed = false;

  function start(): Seat {
    const seat = { process: new GraphProcess(limits), loaded: new LoadedGraphs(limits.maxBytes) };
    seats.add(seat);
    seat.process.ended.then((ending) => {
      ended[ending] = (ended[ending] ?? 0) + 1;
      seats.delete(seat);
      waiting.shift()?.();
    });
    return seat;
  }

  /** Where a graph is to run: where it is loaded, or else where there is nothing to do. */
  function find(graph: string): Seat | undefined {
    const free = [...seats].filter(({ process }) => process.living && process.load < DEPTH);
    const idle = free.filter(({ process }) => process.load === 0);
    const seat = idle.find(({ loaded }) => loaded.has(graph)) ?? idle.at(0);
    if (seat) return seat;
    return seats.size < limits.processes ? start() : free.find(({ loaded }) => loaded.has(graph));
  }

  async function seatFor(graph: string): Promise<Seat> {
    for (;;) {
      if (closed) throw new Problem('shutting-down', 'The service is shutting down.');
      const seat = find(graph);
      if (seat) return seat;
      if (waiting.length >= MAX_WAITING) {
        const detail = `${waiting.length} runs of graphs are waiting already for ${limits.processes} processes (CELLSTEP_ONNX_PROCESSES).`;
        throw new Problem('overloaded', detail, { retryAfterSeconds: 1 });
      }
      await new Promise<void>((resolve) => waiting.push(resolve));
    }
  }

  /** Asks for a run, and before that for loading the graph where it is not; the answers in that order. */
  function ask({ process, loaded }: Seat, program: GraphProgram, run: RunMessage | undefined): Promise<Answer>[] {
    const asked: Promise<Answer>[] = [];
    if (!loaded.has(program.id)) {
      const model = program.model();
      for (const graph of loaded.add(program.id, model.length)) asked.push(process.ask({ op: 'release', graph }));
      asked.push(process.ask({ op: 'load', graph: program.id, model }));
    }
    return run ? [...asked, process.ask(run)] : asked;
  }

  async function carryOut(program: GraphProgram, run?: RunMessage): Promise<Answer> {
    installed ||= isInstalled();
    if (!installed) throw notInstalled();
    for (let tries = 1; ; tries++) {
      const seat = await seatFor(program.id);
      const outcomes = await Promise.allSettled(ask(seat, program, run));
      waiting.shift()?.();
      const failed = outcomes.find((outcome) => outcome.status === 'rejected');
      if (failed) {
        if (closed) throw new Problem('shutting-down', 'The service is shutting down.');
        const reason: ProcessEnded = failed.reason;
        if (reason.mayBeCause || tries === MAX_TRIES) throw endedProblem(reason, limits);
        continue;
      }
      const answers = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
      const fault = answers.find((answer) => 'fault' in answer);
      // Loading it, which another request had asked for, has failed: that request got the reason, this one asks again.
      if (fault?.kind === 'not-loaded' && tries < MAX_TRIES) {
        seat.loaded.delete(program.id);
        continue;
      }
      if (!fault) return answers.at(-1) ?? { rows: [] };
      const isLoad = !run || fault !== answers.at(-1);
      if (isLoad) seat.loaded.delete(program.id);
      throw faultProblem(fault, isLoad, limits);
    }
  }

  return {
    prepare: (program) => ({
      async load() {
        await carryOut(program);
      },
      async run(request) {
        return resultsOf(await carryOut(program, messageOf(program, request, limits.maxResultBytes)));
      },
    }),
    statistics: () => ({
      processes: seats.size,
      running: [...seats].filter(({ process }) => process.load > 0).length,
      waiting: waiting.length,
      ended,
    }),
    async close() {
      closed = true;
      for (const wake of waiting.splice(0)) wake();
      const processes = [...seats].map(({ process }) => process);
      for (const process of processes) process.end('closed');
      await Promise.all(processes.map(({ ended }) => ended));
    },
  };
}

function findsPackage(): boolean {
  try {
    createRequire(import.meta.url).resolve(PACKAGE);
    return true;
  } catch {
    return false;
  }
}

function messageOf(program: GraphProgram, { rows, everyState }: GraphRequest, maxBytes: number): RunMessage {
  const sendFeeds = (feeds: Feeds) =>
    Object.fromEntries(Object.entries(feeds).map(([name, tensor]) => [name, toSent(tensor)]));
  return {
    op: 'run',
    graph: program.id,
    rows: rows.map(({ steps, states }) => ({ steps: steps.map(sendFeeds), states: states.map(toSent) })),
    states: program.states,
    outputs: program.outputs,
    everyState,
    maxBytes,
  };
}

function toSent(tensor: Tensor): SentTensor {
  return { dtype: tensor.dtype, shape: tensor.shape, bytes: encodeElements(tensor) };
}

function resultsOf(answer: Answer): GraphResult[] {
  if ('fault' in answer) throw new Error(answer.fault);
  const read = (tensors: readonly SentTensor[]) =>
    tensors.map(({ dtype, shape, bytes }) => decodeElements(dtype, shape, bytes));
  return answer.rows.map(({ outputs, states }) => ({ outputs: outputs.map(read), states: states.map(read) }));
}
