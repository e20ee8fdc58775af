import { createRequire } from 'node:module';
import { type CurrentCaller, OWN_WORK } from '../../domain/caller.ts';
import type { GraphProgram, GraphRequest, PreparedGraph } from '../../domain/graph.ts';
import { Problem } from '../../domain/problems.ts';
import { EndedGraphs } from './ended-graphs.ts';
import { type Ending, GraphProcess, type ProcessEnded, type RuntimeLimits } from './graph-process.ts';
import { LoadedGraphs } from './loaded-graphs.ts';
import type { Answer, Fault, RowResult, SentRequest } from './messages.ts';
import { endedProblem, faultProblem, notInstalled, PACKAGE } from './runtime-problems.ts';
import { interfaceOf, resultOf, sentOf } from './sent-requests.ts';

/** Messages that a process has at most: the next one is there when it has answered one. */
const DEPTH = 2;
/** Requests that may wait. */
const MAX_WAITING = 4096;
/** A request whose process ended under another request's graph is tried again, so many times in all. */
const MAX_TRIES = 3;
/** Steps of one message, so that what waits behind it need not wait long, and processes share what comes together. */
const STEPS_TOGETHER = 16;
/** Joined steps take about so many seconds at most, as the first is answered together with the last. */
const JOINED_SECONDS = 0.01;

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

export interface GraphEngineOptions {
  readonly isInstalled?: () => boolean;
  readonly caller?: CurrentCaller;
  /** Milliseconds. */
  readonly clock?: () => number;
}

/** A process with what it has loaded. */
interface Seat {
  readonly process: GraphProcess;
  readonly loaded: LoadedGraphs;
  /** Whether the file of a graph is read for it now. */
  opening: boolean;
}

/** A request that waits or runs; without `request` the graph is only loaded. */
interface Job {
  readonly client: string;
  readonly program: GraphProgram;
  readonly request?: SentRequest;
  readonly isJoined?: boolean;
  readonly steps: number;
  readonly took: (seconds: number) => void;
  readonly resolve: (rows: readonly RowResult[]) => void;
  readonly reject: (error: unknown) => void;
  tries: number;
  /** A message that it was in with others has failed: nobody knows yet by which of them. */
  alone: boolean;
}

/** Runs graphs in processes of their own, which start when there is something to run. */
export function createGraphEngine(
  limits: RuntimeLimits,
  { isInstalled = findsPackage, caller = () => OWN_WORK, clock }: GraphEngineOptions = {},
): GraphEngine {
  const endedGraphs = new EndedGraphs(clock);
  const seats = new Set<Seat>();
  const waiting: Job[] = [];
  const ended: Partial<Record<Ending, number>> = {};
  let installed = false;
  let closed = false;
  let dispatching = false;

  function start(): Seat {
    const seat = { process: new GraphProcess(limits), loaded: new LoadedGraphs(limits.maxBytes), opening: false };
    seats.add(seat);
    seat.process.ended.then((ending) => {
      ended[ending] = (ended[ending] ?? 0) + 1;
      seats.delete(seat);
      dispatch();
    });
    return seat;
  }

  /** Where a graph is to run: where it is loaded, or else where there is nothing to do. */
  function find(graph: string): Seat | undefined {
    const free = [...seats].filter(({ process, opening }) => process.living && !opening && process.load < DEPTH);
    const idle = free.filter(({ process }) => process.load === 0);
    const seat = idle.find(({ loaded }) => loaded.has(graph)) ?? idle.at(0);
    if (seat) return seat;
    return seats.size < limits.processes ? start() : free.find(({ loaded }) => loaded.has(graph));
  }

  /** Gives processes what they can take. Requests to one graph that wait at the same time go in one message. */
  function dispatch(): void {
    dispatching = false;
    const full = new Set<string>();
    for (let k = 0; k < waiting.length && !closed; ) {
      const { program } = waiting[k];
      const seat = full.has(program.id) ? undefined : find(program.id);
      if (seat) void carryOut(seat, takeFrom(k));
      else {
        full.add(program.id);
        k++;
      }
    }
  }

  /** The job at a place, and those behind it that go with it. */
  function takeFrom(place: number): Job[] {
    const [first] = waiting.splice(place, 1);
    const jobs = [first];
    let { steps } = first;
    for (let k = place; k < waiting.length && !first.alone && first.request; ) {
      const next = waiting[k];
      const together = next.program === first.program && next.request && !next.alone;
      if (!together) k++;
      else {
        steps += next.steps;
        if (steps > STEPS_TOGETHER) break;
        jobs.push(...waiting.splice(k, 1));
      }
    }
    return jobs;
  }

  /** Asks for runs, and before that for loading the graph where it is not; the answers in that order. */
  function ask(
    { process, loaded }: Seat,
    program: GraphProgram,
    model: Uint8Array | undefined,
    requests: SentRequest[],
  ): Promise<Answer>[] {
    const { id: graph } = program;
    const asked: Promise<Answer>[] = [];
    if (model) {
      for (const old of loaded.add(graph, model.length)) asked.push(process.ask({ op: 'release', graph: old }));
      asked.push(process.ask({ op: 'load', graph, model: { bytes: model } }));
    }
    if (requests.length > 0) asked.push(process.ask({ op: 'run', graph, ...interfaceOf(program), requests }));
    return asked;
  }

  /** The file of a graph that is not loaded yet. The seat is for nothing else meanwhile. */
  async function modelFor(seat: Seat, program: GraphProgram): Promise<Uint8Array> {
    seat.opening = true;
    try {
      return await program.model();
    } finally {
      seat.opening = false;
    }
  }

  async function carryOut(seat: Seat, jobs: readonly Job[]): Promise<void> {
    for (const job of jobs) job.tries++;
    const [{ program }] = jobs;
    const requests = jobs.flatMap(({ request }) => request ?? []);
    let asked: Promise<Answer>[];
    try {
      const model = seat.loaded.has(program.id) ? undefined : await modelFor(seat, program);
      asked = ask(seat, program, model, requests);
    } catch (error) {
      for (const { reject } of jobs) reject(error);
      dispatch();
      return;
    }
    const outcomes = await Promise.allSettled(asked);
    const failed = outcomes.find((outcome) => outcome.status === 'rejected');
    if (failed) afterEnd(jobs, failed.reason as ProcessEnded);
    else {
      const answers = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? outcome.value : []));
      afterAnswers(seat, jobs, requests.length > 0 ? answers.splice(-1) : [], answers);
    }
    dispatch();
  }

  /** The process has ended. A request that may be the cause is refused; others are tried elsewhere. */
  function afterEnd(jobs: readonly Job[], reason: ProcessEnded): void {
    const again: Job[] = [];
    for (const job of jobs) {
      job.took(reason.seconds / jobs.length);
      if (closed) job.reject(shuttingDown());
      else if (jobs.length > 1) again.push({ ...job, alone: job.alone || reason.mayBeCause });
      else if (reason.mayBeCause || job.tries === MAX_TRIES) {
        if (reason.mayBeCause && !job.isJoined) endedGraphs.add(job.client, job.program.id);
        job.reject(endedProblem(reason, limits));
      } else again.push(job);
    }
    waiting.unshift(...again);
  }

  function afterAnswers(seat: Seat, jobs: readonly Job[], [ran]: readonly Answer[], loads: readonly Answer[]): void {
    const load = loads.flatMap(({ results }) => results).find((result) => 'fault' in result);
    if (load) seat.loaded.delete(jobs[0].program.id);
    const again: Job[] = [];
    for (const [k, job] of jobs.entries()) {
      job.took(ran?.seconds[k] ?? 0);
      const result = load ?? ran?.results[k] ?? { rows: [] };
      if (!('fault' in result)) job.resolve(result.rows);
      else if (isForAnotherTry(result) && job.tries < MAX_TRIES) {
        // Loading it, which another request had asked for, has failed: that request got the reason, this one asks again.
        if (result.kind === 'not-loaded') seat.loaded.delete(job.program.id);
        again.push({ ...job, alone: result.kind === 'not-run' });
      } else job.reject(faultProblem(result, load !== undefined, limits));
    }
    waiting.unshift(...again);
  }

  function run(
    program: GraphProgram,
    request?: GraphRequest,
    took: Job['took'] = () => {},
  ): Promise<readonly RowResult[]> {
    installed ||= isInstalled();
    return new Promise((resolve, reject) => {
      if (!installed) throw notInstalled();
      if (closed) throw shuttingDown();
      const { client } = caller();
      endedGraphs.refuse(client, program.id);
      if (waiting.length >= MAX_WAITING) throw tooMany(waiting.length, limits);
      const sent = request && { request: sentOf(request), isJoined: request.isJoined };
      const steps = request ? stepsOf(request) : 0;
      waiting.push({ client, program, ...sent, steps, took, resolve, reject, tries: 0, alone: false });
      // Those that are asked for in one turn go together.
      if (!dispatching) queueMicrotask(dispatch);
      dispatching = true;
    });
  }

  return {
    prepare(program) {
      /** Of a step, as it was last. */
      let seconds = Number.POSITIVE_INFINITY;
      return {
        get mostJoined() {
          return Math.max(1, Math.min(STEPS_TOGETHER, Math.floor(JOINED_SECONDS / seconds)));
        },
        async load() {
          await run(program);
        },
        async run(request, took) {
          const rows = await run(program, request, (spent) => {
            seconds = spent / stepsOf(request);
            took?.(spent);
          });
          return rows.map((row, k) => resultOf(row, request.rows[k].runs, request.everyState));
        },
      };
    },
    statistics: () => ({
      processes: seats.size,
      running: [...seats].filter(({ process }) => process.load > 0).length,
      waiting: waiting.length,
      ended,
    }),
    async close() {
      closed = true;
      for (const { reject } of waiting.splice(0)) reject(shuttingDown());
      const processes = [...seats].map(({ process }) => process);
      for (const process of processes) process.end('closed');
      await Promise.all(processes.map(({ ended }) => ended));
    },
  };
}

function stepsOf({ rows }: GraphRequest): number {
  return rows.reduce((sum, { runs }) => sum + runs, 0);
}

function isForAnotherTry({ kind }: Fault): boolean {
  return kind === 'not-loaded' || kind === 'not-run';
}

function shuttingDown(): Problem {
  return new Problem('shutting-down', 'The service is shutting down.');
}

function tooMany(waiting: number, { processes }: RuntimeLimits): Problem {
  const detail = `${waiting} runs of graphs are waiting already for ${processes} processes (CELLSTEP_ONNX_PROCESSES).`;
  return new Problem('overloaded', detail, { retryAfterSeconds: 1 });
}

/** Whether ONNX Runtime is installed. */
export function findsPackage(): boolean {
  try {
    createRequire(import.meta.url).resolve(PACKAGE);
    return true;
  } catch {
    return false;
  }
}
