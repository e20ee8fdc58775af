/** A thread of the pool: computes what a task asks for. Programs are kept prepared, those used longest ago going first. */
import { parentPort, workerData } from 'node:worker_threads';
import { buffersOf } from '../../domain/bytes.ts';
import type { Runnable, Steppable } from '../../domain/network.ts';
import { Problem } from '../../domain/problems.ts';
import { collectGarbage } from '../../threads/collect-garbage.ts';
import { giveWay } from '../../threads/give-way.ts';
import { atOnce } from '../../threads/in-turns.ts';
import { arrayBytes } from '../simd/shared-weights.ts';
import { createSimdEngines, type ThreadOptions } from '../simd/simd.ts';
import type { ComputeAnswer, ComputeTask } from './compute-task.ts';

type Run = (request: ComputeTask['request']) => unknown;

/** Bytes of programs that a thread keeps prepared. */
const KEPT_BYTES = 256 * 2 ** 20;
/** The memory of requests is freed once no heap refers to it. An idle thread never collects its heap, so each does after so many bytes. */
const MOST_REFERRED_BYTES = 2 ** 25;

const kept = new Map<string, { readonly run: Run; readonly bytes: number }>();
let keptBytes = 0;
let referredBytes = 0;
const engines = createSimdEngines(workerData as ThreadOptions);

giveWay();

// The arrays of an answer are moved, not copied.
parentPort?.on('message', (task: ComputeTask) => {
  const answer = answerTo(task);
  parentPort?.postMessage(answer, [...buffersOf(answer)]);
  referredBytes += arrayBytes(task.request);
  if (referredBytes < MOST_REFERRED_BYTES) return;
  referredBytes = 0;
  // The task is out of reach then.
  setImmediate(collectGarbage);
});

function answerTo(task: ComputeTask): ComputeAnswer {
  try {
    return { result: preparedFor(task)(task.request) } as ComputeAnswer;
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    return { problem: { code: error.code, detail: error.message, errors: error.errors } };
  }
}

function preparedFor(task: ComputeTask): Run {
  // Each step of training makes other weights.
  if (task.kind === 'training') return prepare(task);
  const name = `${task.kind} ${task.id}`;
  const known = kept.get(name);
  kept.delete(name);
  const entry = known ?? { run: prepare(task), bytes: 2 * arrayBytes(task.program) };
  kept.set(name, entry);
  if (!known) keptBytes += entry.bytes;
  for (const [oldest, { bytes }] of kept) {
    if (keptBytes <= KEPT_BYTES || oldest === name) break;
    kept.delete(oldest);
    keptBytes -= bytes;
  }
  return entry.run;
}

function prepare({ kind, program, precision }: ComputeTask): Run {
  switch (kind) {
    case 'step': {
      const prepared = engines[precision].prepare(program as Steppable);
      return (request) => {
        const { inputs, states, rows, options } = request as ComputeTask<'step'>['request'];
        return prepared.step(inputs, states, rows, options);
      };
    }
    case 'sequence': {
      const prepared = engines[precision].prepareSequence(program as Runnable);
      return (request) => prepared.run(request as ComputeTask<'sequence'>['request']);
    }
    case 'gradients': {
      const prepared = engines[precision].prepareGradients(program as Runnable);
      return (request) => prepared.run(request as ComputeTask<'gradients'>['request']);
    }
    case 'training': {
      const prepared = engines[precision].prepareTraining(program as Runnable);
      return (request) => atOnce(prepared.run(request as ComputeTask<'training'>['request']));
    }
  }
}
