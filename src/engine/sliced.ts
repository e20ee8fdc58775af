import type { SequenceRequest, SequenceResult } from '../domain/ports.ts';
import { atOnce } from '../threads/in-turns.ts';

/** Work that may be done at once, or in slices between which others get their turn, with the same result. */
export interface Sliced<Request, Result> {
  run(request: Request): Result;
  slices(request: Request): Generator<void, Result>;
}

export type SlicedSequence = Sliced<SequenceRequest, SequenceResult>;

/** What a slice is expected to take. */
export const SLICE_NANOSECONDS = 1e6;

export function sliced<Request, Result>(
  slices: (request: Request) => Generator<void, Result>,
): Sliced<Request, Result> {
  return { slices, run: (request) => atOnce(slices(request)) };
}
