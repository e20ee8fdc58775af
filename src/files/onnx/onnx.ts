import { type CurrentCaller, OWN_WORK } from '../../domain/caller.ts';
import type { NamedTensors, WeightFile } from '../../domain/files.ts';
import type { GraphFiles } from '../../domain/graph.ts';
import type { Limits } from '../../domain/limits.ts';
import { Problem } from '../../domain/problems.ts';
import { Tensor } from '../../domain/tensor.ts';
import { copied } from '../../threads/in-turns.ts';
import { Lane } from '../../threads/lane.ts';
import { fileLimitsOf, invalidFile, requireWithin } from '../bounds.ts';
import { createThreads } from '../threads.ts';
import type { OnnxInput, OnnxTasks } from './tasks.ts';

const FORMAT = 'ONNX';
const SCRIPT = new URL('./worker.ts', import.meta.url);
/** What a thread takes without a file. */
const THREAD_BYTES = 32 * 2 ** 20;
/** For a file it takes so many times its bytes: for the copy, for what it reads, and for what it makes of that. */
const TIMES = 3;
/** Of a processor: only a file that is made for it takes so long. */
const TIMEOUT_MS = 10_000;

type Task = keyof OnnxTasks;

export interface OnnxTask {
  readonly task: Task;
  readonly input: OnnxInput;
}

/** ONNX files: as layers, and as whole graphs. */
export interface Onnx extends GraphFiles {
  /** @throws {Problem} as readOnnx */
  layers(file: Uint8Array, beside?: ReadonlyMap<string, Uint8Array>): Promise<WeightFile>;
}

/** Works on files in threads of its own (worker.ts). Clients take turns. */
export function createOnnx(of: Pick<Limits, 'maxCheckpointBytes'>, caller: CurrentCaller = () => OWN_WORK): Onnx {
  const limits = fileLimitsOf(of);
  const threads = createThreads<OnnxTask, unknown>(SCRIPT, TIMEOUT_MS);
  const lane = new Lane({ what: 'ONNX files', atOnce: 2, caller });

  async function carryOut<T extends Task>(
    task: T,
    { file, beside = new Map(), states = [] }: Pick<OnnxInput, 'file'> & Partial<OnnxInput>,
  ): Promise<ReturnType<OnnxTasks[T]>> {
    requireWithin(FORMAT, 'bytes', file.length, limits.maxFileBytes);
    const sent = [file, ...beside.values()];
    caller().hold(THREAD_BYTES + TIMES * sent.reduce((sum, { length }) => sum + length, 0));
    const result = await lane.run(async (signal) => {
      const own: Uint8Array[] = [];
      for (const bytes of sent) own.push(await copied(bytes));
      const files = new Map([...beside.keys()].map((name, k) => [name, own[k + 1]]));
      const request = { task, input: { file: own[0], limits, beside: files, states } };
      const memory = own.map(({ buffer }) => buffer as ArrayBuffer);
      return threads.run(request, memory, signal).catch((error: unknown) => {
        if (error instanceof Problem) throw error;
        throw invalidFile(FORMAT, `${error instanceof Error ? error.message : error}.`, error);
      });
    });
    return result as ReturnType<OnnxTasks[T]>;
  }

  /** Tensors lose their class on the way. */
  function tensorsOf(sent: NamedTensors): NamedTensors {
    const tensors = [...sent].map(([name, { dtype, shape, data }]) => [name, new Tensor(dtype, shape, data)] as const);
    caller().hold(tensors.reduce((sum, [, { data }]) => sum + data.byteLength, 0));
    return new Map(tensors);
  }

  return {
    async layers(file, beside) {
      const { layers, skipped } = await carryOut('layers', { file, beside });
      return { layers: layers.map((layer) => ({ ...layer, weights: tensorsOf(layer.weights) })), skipped };
    },
    read: (file) => carryOut('graph', { file }),
    inside: (file, beside) => carryOut('inside', { file, beside }),
    variables: async (file) => tensorsOf(await carryOut('variables', { file })),
    open: async (file, states) => (states.length === 0 ? file : carryOut('open', { file, states })),
  };
}
