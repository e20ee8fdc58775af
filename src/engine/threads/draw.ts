import { initialize } from '../../cells/random/initializers.ts';
import { randint } from '../../cells/random/randint.ts';
import { type CurrentCaller, OWN_WORK } from '../../domain/caller.ts';
import type { InitializerSpec } from '../../domain/program.ts';
import { BYTES_PER_ELEMENT, type Dtype, type Shape, sizeOf, Tensor, type TensorData } from '../../domain/tensor.ts';
import { Lane } from '../../threads/lane.ts';
import { OwnThreads } from '../../threads/own-thread.ts';

/** Something to draw: by an initializer, or whole numbers. */
export type Draw =
  | { readonly spec: InitializerSpec; readonly shape: Shape; readonly dtype: Dtype }
  | { readonly low: number; readonly high: number; readonly shape: Shape; readonly seed: number };

/** Nanoseconds that are spent at once rather than in a thread, which takes some ten milliseconds to start. */
const AT_ONCE = 5e6;
/** Of one element: of a constant one, of one that is drawn, and of rounding one to a dtype of two bytes. */
const COSTS = { constant: 3, drawn: 60, rounded: 60 };
/** Of a multiply-add of Orthogonal's QR decomposition. */
const QR_COST = 0.7;
const CONSTANT = ['Zeros', 'Ones', 'Constant', 'Identity'];
const SCRIPT = new URL('./draw-worker.ts', import.meta.url);

/** The elements of a draw. @throws {Problem} as initialize and randint */
export function elementsOf(draw: Draw): TensorData {
  if ('spec' in draw) return initialize(draw.spec, draw.shape, draw.dtype).data;
  return randint(draw.low, draw.high, draw.shape, draw.seed).data;
}

/**
 * Draws tensors by `initialize` and `randint`. What takes long, above all large orthogonal ones, is drawn in a thread of its
 * own, and the service answers meanwhile. Clients take turns.
 */
export function createDraws(caller: CurrentCaller = () => OWN_WORK) {
  const lane = new Lane({ what: 'large draws', atOnce: 2, caller });
  const threads = new OwnThreads<Draw, TensorData>(SCRIPT);

  async function draw(wanted: Draw): Promise<Tensor> {
    const dtype = 'spec' in wanted ? wanted.dtype : 'int64';
    caller().hold(sizeOf(wanted.shape) * BYTES_PER_ELEMENT[dtype]);
    if (nanosecondsOf(wanted) <= AT_ONCE) return new Tensor(dtype, wanted.shape, elementsOf(wanted));
    return new Tensor(dtype, wanted.shape, await lane.run((signal) => threads.run(wanted, [], signal)));
  }

  return {
    initialize: (spec: InitializerSpec, shape: Shape, dtype: Dtype) => draw({ spec, shape, dtype }),
    randint: (low: number, high: number, shape: Shape, seed: number) => draw({ low, high, shape, seed }),
  };
}

function nanosecondsOf(draw: Draw): number {
  const size = sizeOf(draw.shape);
  if (!('spec' in draw)) return size * COSTS.drawn;
  const { className } = draw.spec;
  const each = CONSTANT.includes(className) ? COSTS.constant : COSTS.drawn;
  const rounding = BYTES_PER_ELEMENT[draw.dtype] === 2 ? COSTS.rounded : 0;
  if (className !== 'Orthogonal') return size * (each + rounding);
  const columns = draw.shape.at(-1) ?? 1;
  const rows = sizeOf(draw.shape.slice(0, -1));
  return size * (each + rounding) + Math.max(rows, columns) * Math.min(rows, columns) ** 2 * QR_COST;
}
