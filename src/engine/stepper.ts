import { type CurrentCaller, OWN_WORK } from '../domain/caller.ts';
import { cellsOf, layersOf } from '../domain/network.ts';
import type { ComputeObserver, Precision, Stepper } from '../domain/ports.ts';
import { hasDropout } from '../domain/training.ts';
import { inTurns } from '../threads/in-turns.ts';
import { type ComputeRows, createBatcher } from './batcher.ts';
import { convert } from './convert.ts';
import type { Engine } from './engine.ts';
import type { GraphEngine } from './onnxruntime/graph-engine.ts';
import { notInstalled } from './onnxruntime/runtime-problems.ts';
import { precisionUsed } from './simd/kernel-arithmetic.ts';
import { joinSequences, sequenceRows, shares } from './split-rows.ts';
import type { ComputeCalls, ComputeKind } from './threads/compute-task.ts';
import type { ComputePool } from './threads/pool.ts';
import { gradientNanoseconds, sequenceNanoseconds, stepNanoseconds, trainingNanoseconds } from './work.ts';

/** What other requests may have to wait for. */
export const LOOP_NANOSECONDS = 5e6;
/** What a batch of several requests may take, wherever it runs, so that none waits long for the others. */
export const BATCH_NANOSECONDS = 50e6;

export interface StepperOptions {
  /** For each precision the engine that computes it. Gradients are float64 inside. */
  readonly engines: Readonly<Record<Precision, Engine>>;
  /** Without it everything is computed on the thread that calls. */
  readonly pool?: ComputePool;
  /** Runs whole graphs; without it there are none. */
  readonly graphs?: Pick<GraphEngine, 'prepare'>;
  /** Rows of one batch of steps of several requests; 1 lets each run alone. */
  readonly batchRows?: number;
  /** Work that takes longer goes to a thread. */
  readonly loopNanoseconds?: number;
  readonly observer?: ComputeObserver;
  readonly caller?: CurrentCaller;
}

/** What goes back through a program needs its weights as they are. */
const NEED_WEIGHTS: readonly ComputeKind[] = ['gradients', 'training'];

/** Ways to compute the same. */
interface Places<R> {
  readonly ready?: () => Promise<void> | undefined;
  readonly here: () => R | Promise<R>;
  readonly there: () => Promise<R>;
}

/** The stepper of the service: single steps run in batches, large work runs on threads. */
export function createStepper({
  engines,
  pool,
  graphs,
  batchRows = 1,
  loopNanoseconds = LOOP_NANOSECONDS,
  observer,
  caller = () => OWN_WORK,
}: StepperOptions): Stepper {
  const onLoop = <R>(work: Generator<void, R>): Promise<R> => inTurns(work, caller().client);

  /** Computes what is small at once and what is large on a thread, once the weights are ready, and tells the observer. */
  async function place<R>(kind: ComputeKind, cost: number, { ready, here, there }: Places<R>): Promise<R> {
    const started = performance.now();
    const large = pool !== undefined && cost > loopNanoseconds;
    const readying = ready?.();
    if (readying) await readying;
    const made = large ? there() : here();
    const result = made instanceof Promise ? await made : made;
    observer?.computed(kind, large ? 'thread' : 'loop', (performance.now() - started) / 1000);
    return result;
  }

  return {
    precisionUsed,

    prepare(program, precision) {
      const prepared = lazily(() => engines[precision].prepare(program));
      const onThread = pool && threadOf(pool, onLoop, 'step', program, precision);
      const cells = cellsOf(program);
      const layers = layersOf(program);
      const nanoseconds = stepNanoseconds(program, precision);
      const compute: ComputeRows = (request) => {
        const { inputs, states, rows, options } = request;
        const cost = nanoseconds * rows;
        return place('step', cost, {
          ready: () => engines[precision].ready?.([...cells, ...layers]),
          here: () => prepared().step(inputs, states, rows, options),
          there: () => onThread!(request, cost),
        });
      };
      const maxRows = Math.min(batchRows, Math.max(1, Math.floor(BATCH_NANOSECONDS / nanoseconds)));
      const batched = createBatcher(compute, { maxRows, maxRunning: pool?.threads ?? 1 }, observer);
      return {
        batchRows: maxRows,
        step: (given, states, rows, options = {}) => {
          // Those of a layer may have another dtype than its cell.
          const inputs = convert(given, program.computeDtype);
          // Dropout masks are drawn for a request as a whole, and traces are not taken apart.
          const alone = options.trace || options.training || maxRows === 1;
          return alone ? compute({ inputs, states, rows, options }) : batched({ inputs, states, rows });
        },
      };
    },

    prepareSequence(program, precision) {
      const prepared = lazily(() => engines[precision].prepareSequence(program));
      const onThread = pool && threadOf(pool, onLoop, 'sequence', program, precision);
      const cells = cellsOf(program);
      const layers = layersOf(program);
      const nanoseconds = sequenceNanoseconds(program, precision);
      return {
        run: async (request) => {
          const { batch, time, training } = request;
          const cost = nanoseconds * batch * time;
          // Masks are drawn for the batch as a whole.
          const whole =
            training !== undefined &&
            (program.kind === 'network' || cells.some(({ dropout }) => dropout && hasDropout(dropout)));
          const parts = whole ? 1 : Math.min(batch, pool?.threads ?? 1, Math.floor(cost / loopNanoseconds));
          return place('sequence', cost, {
            ready: () => engines[precision].ready?.([...cells, ...layers]),
            here: () => onLoop(prepared().slices(request)),
            there: async () => {
              if (parts < 2) return onThread!(request, cost);
              const rows = shares(batch, parts).map(([from, to]) => sequenceRows(request, from, to));
              return joinSequences(await Promise.all(rows.map((part) => onThread!(part, cost / parts))));
            },
          });
        },
      };
    },

    prepareGradients(program) {
      const prepared = lazily(() => engines.exact.prepareGradients(program));
      const onThread = pool && threadOf(pool, onLoop, 'gradients', program, 'exact');
      const nanoseconds = gradientNanoseconds(program);
      return {
        run: async (request) => {
          const cost = nanoseconds * request.batch * request.time;
          return place('gradients', cost, {
            here: () => onLoop(prepared().slices(request)),
            there: () => onThread!(request, cost),
          });
        },
      };
    },

    prepareTraining(program, precision) {
      const prepared = lazily(() => engines[precision].prepareTraining(program));
      const onThread = pool && threadOf(pool, onLoop, 'training', program, precision);
      const nanoseconds = trainingNanoseconds(program, precision);
      return {
        run: async (request) => {
          const cost = nanoseconds * request.batch * request.time;
          return place('training', cost, {
            here: () => onLoop(prepared().run(request)),
            there: () => onThread!(request, cost),
          });
        },
      };
    },

    prepareGraph(program) {
      if (!graphs) throw notInstalled();
      const graph = graphs.prepare(program);
      return {
        get mostJoined() {
          return graph.mostJoined;
        },
        load: () => graph.load(),
        async run(request, took) {
          const started = performance.now();
          const result = await graph.run(request, took);
          const kind = request.rows.every(({ runs }) => runs === 1) ? 'step' : 'sequence';
          observer?.computed(kind, 'process', (performance.now() - started) / 1000);
          return result;
        },
      };
    },
  };
}

/** Runs work of one program on the threads of a pool; its weights are put in shared memory when it first comes to that. */
function threadOf<K extends ComputeKind>(
  pool: ComputePool,
  onLoop: (work: Generator<void>) => Promise<void>,
  kind: K,
  program: ComputeCalls[K]['program'],
  precision: Precision,
): (request: ComputeCalls[K]['request'], nanoseconds: number) => Promise<ComputeCalls[K]['result']> {
  const as = NEED_WEIGHTS.includes(kind) ? undefined : precision;
  const share = async () => {
    await onLoop(pool.shareSlices(program, as));
    return pool.share(program, as);
  };
  let sharing: ReturnType<typeof share> | undefined;
  return async (request, nanoseconds) => {
    sharing ??= share().catch((error) => {
      sharing = undefined;
      throw error;
    });
    return pool.run({ kind, precision, ...(await sharing), request }, nanoseconds, program);
  };
}

function lazily<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}
