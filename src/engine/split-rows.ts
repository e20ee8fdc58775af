import type { GateTrace, SequenceRequest, SequenceResult } from '../domain/ports.ts';
import type { FloatArray } from '../domain/tensor.ts';
import { joinRows } from './batcher.ts';

/** Consecutive shares of `batch` rows, as equal as they can be: from and to of each. */
export function shares(batch: number, parts: number): [from: number, to: number][] {
  return Array.from({ length: parts }, (_, k) => [
    Math.floor((batch * k) / parts),
    Math.floor((batch * (k + 1)) / parts),
  ]);
}

/** Rows [from, to) of a sequence, in the same arrays. */
export function sequenceRows(request: SequenceRequest, from: number, to: number): SequenceRequest {
  const { batch, inputs, states, mask, previous } = request;
  const rows = <A extends FloatArray | Uint8Array>(all: A) =>
    all.subarray((all.length / batch) * from, (all.length / batch) * to) as A;
  return {
    ...request,
    batch: to - from,
    inputs: rows(inputs),
    states: states.map(rows),
    mask: mask && rows(mask),
    previous: previous && rows(previous),
  };
}

/** The whole result from the results of the shares of its rows. */
export function joinSequences(parts: readonly SequenceResult[]): SequenceResult {
  const join = (name: 'sequences' | 'last' | 'states') =>
    parts[0][name].map((_, k) => joinRows(parts.map((part) => part[name][k])));
  const trace = parts[0].trace?.map((gate, k): GateTrace => {
    const all = (side: 'before' | 'after') => joinRows(parts.map((part) => part.trace![k][side]));
    return { ...gate, before: all('before'), after: all('after') };
  });
  return { sequences: join('sequences'), last: join('last'), states: join('states'), ...(trace && { trace }) };
}
