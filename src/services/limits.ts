import type { Limits } from '../domain/limits.ts';
import { fieldProblem } from '../domain/problems.ts';
import { BYTES_PER_ELEMENT, type Dtype, formatShape, type Shape } from '../domain/tensor.ts';
import type { Ports } from './ports.ts';

/** @throws {Problem} limit-exceeded if a tensor would be too large, or one of its axes is */
export function requireElements(shape: Shape, { maxElements }: Pick<Limits, 'maxElements'>, pointer: string): void {
  // An axis of length 0 must not hide a huge axis beside it.
  const size = shape.reduce((product, extent) => product * Math.max(extent, 1), 1);
  if (size <= maxElements) return;
  const detail = `Shape ${formatShape(shape)} is over the limit of ${maxElements} elements a tensor (CELLSTEP_MAX_ELEMENTS).`;
  throw fieldProblem('limit-exceeded', pointer, detail);
}

/**
 * Checks the tensors of one thing together, before any of them is made. `what` reads like "The variables of this cell".
 * @throws {Problem} limit-exceeded naming their sum
 */
export function requireBytes(
  what: () => string,
  tensors: readonly { readonly shape: Shape; readonly dtype: Dtype }[],
  { maxThingBytes }: Pick<Limits, 'maxThingBytes'>,
  pointer: string,
): void {
  const bytes = bytesOf(tensors);
  if (bytes <= maxThingBytes) return;
  const detail = `${what()} would take ${bytes} bytes, over the limit of ${maxThingBytes} (CELLSTEP_MAX_THING_BYTES). Send less at once.`;
  throw fieldProblem('limit-exceeded', pointer, detail);
}

/** Bytes of the elements of tensors that need not exist yet. */
export function bytesOf(tensors: Iterable<{ readonly shape: Shape; readonly dtype: Dtype }>): number {
  let bytes = 0;
  for (const { shape, dtype } of tensors) {
    bytes += shape.reduce((product, extent) => product * extent, BYTES_PER_ELEMENT[dtype]);
  }
  return bytes;
}

/** A variable that is to be drawn. */
interface Draw {
  readonly initializer: { readonly className: string };
  readonly shape: Shape;
}

/**
 * Checks and counts the draws of a request before one is made.
 * @throws {Problem} limit-exceeded if an initializer would take too long; quota-exceeded if its tenant has no work left for now
 */
export function requireDraws(draws: readonly Draw[], { limits, spendWork }: WorkContext, pointer: string): void {
  spendWork(draws.reduce((sum, draw) => sum + drawWork(draw, limits, pointer), 0));
}

/** Multiply-adds of a draw: Orthogonal's QR is cubic, others cost about one for each element. */
function drawWork({ initializer, shape }: Draw, { maxDrawWork }: Pick<Limits, 'maxDrawWork'>, pointer: string): number {
  if (initializer.className !== 'Orthogonal') return shape.reduce((product, extent) => product * extent, 1);
  const columns = shape.at(-1) ?? 1;
  const rows = shape.slice(0, -1).reduce((product, extent) => product * extent, 1);
  const work = 2 * rows * columns * Math.min(rows, columns);
  if (work <= maxDrawWork) return work;
  const detail = `Orthogonal of shape ${formatShape(shape)} takes ${work} multiply-adds, over the limit of ${maxDrawWork} (CELLSTEP_MAX_DRAW_WORK). Send the weights, or choose another initializer.`;
  throw fieldProblem('limit-exceeded', pointer, detail);
}

/**
 * Checks and counts the work of a request before it is done.
 * @throws {Problem} limit-exceeded if it costs more multiply-adds than one request may; quota-exceeded if its tenant has
 * no work left for now
 */
export function requireWork(work: number, { limits, spendWork }: WorkContext, pointer: string): void {
  requireWorkOfOne(work, limits, pointer);
  spendWork(work);
}

export type WorkContext = Pick<Ports, 'limits' | 'spendWork'>;

/** @throws {Problem} limit-exceeded if a request costs more multiply-adds than one request may */
export function requireWorkOfOne(work: number, { maxWork }: Pick<Limits, 'maxWork'>, pointer: string): void {
  if (work <= maxWork) return;
  const detail = `This takes ${work} multiply-adds, over the limit of ${maxWork} a request (CELLSTEP_MAX_WORK). Send less at once.`;
  throw fieldProblem('limit-exceeded', pointer, detail);
}
