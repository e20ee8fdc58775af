import { LONG_BYTES } from '../domain/bytes.ts';
import { type CurrentCaller, OWN_WORK } from '../domain/caller.ts';
import type { JsonObject } from '../domain/json.ts';
import { type Dtype, Tensor } from '../domain/tensor.ts';
import { literalToTensor, SentTensor, type TensorLiteral } from '../domain/tensor-literal.ts';
import { copied, nextTurn } from '../threads/in-turns.ts';
import { Lane } from '../threads/lane.ts';
import { OwnThreads } from '../threads/own-thread.ts';
import { type Arithmetic, carryOut, type OpTask, workOf } from './op-task.ts';

/** A tensor between threads. */
export type BareTensor = Pick<Tensor, 'dtype' | 'shape' | 'data'>;

/** Work that is done at once rather than in a thread: some 10 ms. One is a multiply-add of a matrix product. */
const AT_ONCE = 2 ** 21;
/** Elements that are converted at once, without a promise. */
const SMALL = 2 ** 14;
const NONE: ReadonlySet<Tensor> = new Set();
const SCRIPT = new URL('./op-worker.ts', import.meta.url);

/**
 * Applies operations, as applyOp does, and what rounds or adds large tensors; large ones in a thread of their own, so that
 * the service answers meanwhile. Clients take turns. The promises reject with 503 `overloaded` where too many wait already.
 */
export function createOps(caller: CurrentCaller = () => OWN_WORK) {
  const lane = new Lane({ what: 'large operations', atOnce: 2, caller });
  const threads = new OwnThreads<OpTask<BareTensor>, BareTensor>(SCRIPT);

  async function apply(task: OpTask, own?: ReadonlySet<Tensor>): Promise<Tensor> {
    if (workOf(task) <= AT_ONCE) return carryOut(task);
    const { dtype, shape, data } = await lane.run(async (signal) => {
      const given = await movable(task, own);
      return threads.run(given, memoryOf(given), signal);
    });
    return new Tensor(dtype, shape, data);
  }

  return {
    workOf: (name: string, inputs: OpTask<Pick<Tensor, 'shape' | 'dtype'>>['inputs']) =>
      workOf({ kind: 'op', name, inputs, params: {} }),
    /** Nobody reads those of the inputs again that are `own`: a thread may take their memory. */
    apply: (name: string, inputs: readonly Tensor[], params: JsonObject, own?: ReadonlySet<Tensor>) =>
      apply({ kind: 'op', name, inputs, params }, own),
    cast: (tensor: Tensor, dtype: Dtype) =>
      tensor.dtype === dtype ? Promise.resolve(tensor) : apply({ kind: 'cast', inputs: [tensor], dtype }),
    /** What was sent, in the dtype that it is for. @throws {Problem} as literalToTensor */
    read: (literal: TensorLiteral, dtype: Dtype, pointer: string): Tensor | Promise<Tensor> =>
      literal instanceof SentTensor && literal.dtype !== dtype && literal.tensor.data.length > SMALL
        ? apply({ kind: 'literal', inputs: [literal.tensor], dtype, pointer, field: literal.field })
        : literalToTensor(literal, dtype, pointer),
    combine: (kind: Arithmetic, current: Tensor, value: Tensor) => apply({ kind, inputs: [current, value] }),
  };
}

/** The task as a thread gets it. The long ones of its `own` inputs are moved, and the others copied one by one, each in turns of its own. */
async function movable(task: OpTask, own = NONE): Promise<OpTask<BareTensor>> {
  const inputs: BareTensor[] = [];
  for (const tensor of task.inputs) {
    const { dtype, shape, data } = tensor;
    if (own.has(tensor) && data.byteLength > LONG_BYTES) {
      inputs.push({ dtype, shape, data });
      continue;
    }
    inputs.push({ dtype, shape, data: await copied(data) });
    await nextTurn();
  }
  return { ...task, inputs };
}

function memoryOf({ inputs }: OpTask<BareTensor>): ArrayBuffer[] {
  return inputs.map(({ data }) => data.buffer as ArrayBuffer);
}
