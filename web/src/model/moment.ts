import type { StepReply, Tensor, Trace } from '../api/types.ts';
import { matrix, vector } from '../numbers/numbers.ts';
import type { Layer } from './layers.ts';

/** Gates and intermediates of one step by name, before and after their activation. */
export type Gates = Readonly<Record<string, { readonly before: readonly number[]; readonly after: readonly number[] }>>;

/** One step of one row: what went in, what was there, what came out. */
export interface Moment {
  readonly x: readonly number[];
  readonly former: readonly (readonly number[])[];
  readonly states: readonly (readonly number[])[];
  readonly output: readonly number[];
  readonly gates: Gates;
}

/** A step as the service answered it (batch 1). */
export function momentOf(x: readonly number[], former: readonly (readonly number[])[], reply: StepReply): Moment {
  return {
    x,
    former,
    states: reply.states.map((state) => matrix(state)[0]),
    output: matrix(reply.output)[0],
    gates: gatesAt(reply.trace ?? {}, ([row]) => vector(row)),
  };
}

/**
 * The steps of a sequence that was answered with its trace (batch 1). Its states in between are put together from the
 * gates, by the last line of each cell's formula; the last ones are the answered states themselves.
 */
export function momentsOf(
  xs: readonly (readonly number[])[],
  first: readonly (readonly number[])[],
  layers: readonly Layer[],
  reply: StepReply,
): Moment[] {
  const [outputs] = reply.output as Tensor[][];
  const moments: Moment[] = [];
  let former = first;
  xs.forEach((x, t) => {
    const gates = gatesAt(reply.trace ?? {}, ([row]) => vector((row as Tensor[])[t]));
    const last = t === xs.length - 1;
    const states = last
      ? reply.states.map((state) => matrix(state)[0])
      : layers.filter(({ states: own }) => own.length > 0).flatMap((layer) => statesAfter(layer, gates, former));
    moments.push({ x, former, states, output: vector(outputs[t]), gates });
    former = states;
  });
  return moments;
}

function gatesAt(trace: Trace, pick: (tensor: Tensor[]) => number[]): Gates {
  return Object.fromEntries(
    Object.entries(trace).map(([name, { before, after }]) => [
      name,
      { before: pick(before as Tensor[]), after: pick(after as Tensor[]) },
    ]),
  );
}

/** Each operation of a fast cell is rounded to float32. */
const float = Math.fround;

function statesAfter(layer: Layer, gates: Gates, former: readonly (readonly number[])[]): (readonly number[])[] {
  const gate = (name: string) => gates[layer.prefix + name];
  if (layer.kind === 'simple') return [gate('h').after];
  if (layer.kind === 'lstm') {
    const shown = gate('new_c').after;
    return [gate('o').after.map((o, j) => float(float(o) * float(shown[j]))), gate('new_c').before];
  }
  const candidate = gate('hh').after;
  const h = former[layer.states[0]];
  return [
    gate('z').after.map((z, j) =>
      float(float(float(z) * float(h[j])) + float(float(1 - float(z)) * float(candidate[j]))),
    ),
  ];
}
