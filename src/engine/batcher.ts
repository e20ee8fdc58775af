import type { ComputeObserver, StepResult } from '../domain/ports.ts';
import type { FloatArray } from '../domain/tensor.ts';
import { atTurnEnd } from '../threads/turn-end.ts';
import type { StepRows } from './threads/compute-task.ts';

/** Computes rows of one version of a cell, at once or on another thread. */
export type ComputeRows = (request: StepRows) => Promise<StepResult>;

export interface BatchBounds {
  /** Rows of one batch; a request that has more by itself goes alone. */
  readonly maxRows: number;
  /** Batches under way at once; what arrives meanwhile gathers. */
  readonly maxRunning: number;
}

interface Waiting {
  readonly request: StepRows;
  readonly since: number;
  readonly resolve: (result: StepResult) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Lets the steps of one version of a cell that are asked for in one turn of the event loop run as one (cellular
 * batching, Gao et al., EuroSys 2018): the turn takes in all requests that have arrived, then the batch runs, with no
 * waiting for more. The engine computes each row by itself, so a row has the same bits as alone, whatever the others are.
 */
export function createBatcher(
  compute: ComputeRows,
  { maxRows, maxRunning }: BatchBounds,
  observer?: Pick<ComputeObserver, 'batched'>,
): ComputeRows {
  let waiting: Waiting[] = [];
  let running = 0;
  let scheduled = false;

  function schedule(wait: (flush: () => void) => unknown): void {
    if (scheduled || waiting.length === 0 || running >= maxRunning) return;
    scheduled = true;
    wait(flush);
  }

  /** One batch a turn, so that the event loop gets one between two. */
  function flush(): void {
    scheduled = false;
    const batch = takeBatch();
    observer?.batched(
      sumOf(batch.map(({ request }) => request.rows)),
      batch.map(({ since }) => (performance.now() - since) / 1000),
    );
    running++;
    settle(batch).finally(() => {
      running--;
      schedule(setImmediate);
    });
    schedule(setImmediate);
  }

  function takeBatch(): Waiting[] {
    let rows = 0;
    let count = 0;
    while (count < waiting.length && (count === 0 || rows + waiting[count].request.rows <= maxRows)) {
      rows += waiting[count].request.rows;
      count++;
    }
    const batch = waiting.slice(0, count);
    waiting = waiting.slice(count);
    return batch;
  }

  /** An error of several together says nothing of each, so each is then tried alone, and gets its own. */
  async function settle(batch: readonly Waiting[]): Promise<void> {
    try {
      const results = await computeTogether(
        compute,
        batch.map(({ request }) => request),
      );
      for (const [k, { resolve }] of batch.entries()) resolve(results[k]);
    } catch (error) {
      if (batch.length === 1) batch[0].reject(error);
      else for (const one of batch) await settle([one]);
    }
  }

  return (request) =>
    new Promise((resolve, reject) => {
      waiting.push({ request, since: performance.now(), resolve, reject });
      schedule((flush) => atTurnEnd(flush));
    });
}

/** Each request's rows are views of the batch's: results are sent and stored as bytes, and not kept for long. */
async function computeTogether(compute: ComputeRows, batch: readonly StepRows[]): Promise<StepResult[]> {
  if (batch.length === 1) return [await compute(batch[0])];
  const rows = sumOf(batch.map((one) => one.rows));
  const inputs = joinRows(batch.map((one) => one.inputs));
  const states = batch[0].states.map((_, k) => joinRows(batch.map((one) => one.states[k])));
  const { output, states: next } = await compute({ inputs, states, rows });
  const isState = next.indexOf(output);
  let from = 0;
  return batch.map((one) => {
    const to = from + one.rows;
    const own = (all: FloatArray) => all.subarray((all.length / rows) * from, (all.length / rows) * to);
    const states = next.map(own);
    // An output that is a state stays the same array: it is then sent and printed once.
    const result = { output: isState < 0 ? own(output) : states[isState], states };
    from = to;
    return result;
  });
}

function sumOf(numbers: readonly number[]): number {
  return numbers.reduce((sum, each) => sum + each, 0);
}

/** [rows, width] arrays one below another. */
export function joinRows(parts: readonly FloatArray[]): FloatArray {
  const size = parts.reduce((sum, part) => sum + part.length, 0);
  const all = parts[0] instanceof Float64Array ? new Float64Array(size) : new Float32Array(size);
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
