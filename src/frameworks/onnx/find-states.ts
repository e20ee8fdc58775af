import { type GraphEdge, type GraphModel, type GraphState, isOpen } from '../../domain/graph.ts';
import { fieldProblem } from '../../domain/problems.ts';
import { rowsOfState } from './graph-rows.ts';

/** An input and the output that gives its next value, as a request names them. */
export interface StateName {
  readonly input: string;
  readonly output: string;
}

/** How names say that an output is the next value of an input: `stateN`, `hn`, `state_out`, `new_state`, `next_h`. */
const NEXT = [
  (name: string) => `${name}n`,
  (name: string) => `${name}_n`,
  (name: string) => `${name}_out`,
  (name: string) => `${name}out`,
  (name: string) => `${name}_next`,
  (name: string) => `${name}_new`,
  (name: string) => `out_${name}`,
  (name: string) => `new_${name}`,
  (name: string) => `next_${name}`,
  (name: string) => `output_${name}`,
];
/** What names say of being an input: `state_in`, `in_state`, `h0`. */
const INPUT_PART = /^(in(put)?|prev|old|init(ial)?)_|_(in(put)?|prev|old|0)$|(?<=[hc])0$/i;

/** The states that were asked for. @throws {Problem} invalid-value naming what the graph has */
export function askedStates({ inputs, outputs, hidden }: GraphModel, asked: readonly StateName[]): GraphState[] {
  const states = asked.map(({ input: name, output }) => {
    const opened = hidden.find((one) => one.name === name && one.output === output);
    if (opened) return openedState(opened);
    const input = inputs.find((one) => one.name === name);
    if (!input) throw unknown('input', name, [...inputs, ...hidden]);
    const next = outputs.find((one) => one.name === output);
    if (!next) throw unknown('output', output, [...outputs, ...hidden.map((one) => ({ name: one.output }))]);
    if (!canFollow(input, next)) {
      const detail = `The output '${output}' is ${textOf(next)}, which the input '${name}' cannot take: it is ${textOf(input)}.`;
      throw fieldProblem('invalid-value', '?states', detail);
    }
    return stateOf(input, output, 'asked');
  });
  requireOnce(states.map(({ name }) => name));
  requireOnce(states.map(({ output }) => output));
  return states;
}

/**
 * The states that names, and shapes, tell. The first input and the first output are what the graph is about, so that a
 * shape alone makes no state of them.
 */
export function proposedStates({ inputs, outputs, hidden }: GraphModel, constants: readonly string[]): GraphState[] {
  const free = inputs.filter(({ name }) => !constants.includes(name));
  const byName = new Map<GraphEdge, GraphEdge>();
  for (const input of free) {
    const next = outputs.filter((output) => canFollow(input, output) && isNextName(input.name, output.name));
    if (next.length === 1 && ![...byName.values()].includes(next[0])) byName.set(input, next[0]);
  }
  const byShape = matchShapes(
    free.filter((input, k) => k > 0 && !byName.has(input)),
    outputs.filter((output, k) => k > 0 && ![...byName.values()].includes(output)),
  );
  const named = free.flatMap((input) => {
    const [own, alike] = [byName.get(input), byShape.get(input)];
    if (own) return [stateOf(input, own.name, 'name')];
    return alike ? [stateOf(input, alike.name, 'shape')] : [];
  });
  return [...named, ...hidden.map(openedState)];
}

/** Pairs that fit each other, and nothing else. */
function matchShapes(inputs: readonly GraphEdge[], outputs: readonly GraphEdge[]): Map<GraphEdge, GraphEdge> {
  const pairs = new Map<GraphEdge, GraphEdge>();
  for (const input of inputs) {
    const next = outputs.filter((output) => canFollow(input, output));
    const rivals = next.length === 1 ? inputs.filter((other) => canFollow(other, next[0])) : [];
    if (rivals.length === 1) pairs.set(input, next[0]);
  }
  return pairs;
}

function isNextName(input: string, output: string): boolean {
  const lower = output.toLowerCase();
  const bases = [input, input.replace(INPUT_PART, '')].map((name) => name.toLowerCase());
  if (bases[0] === lower) return true;
  return bases.some((base) => base !== '' && NEXT.some((next) => next(base) === lower));
}

/** Of one dtype, and with shapes that can be the same. */
function canFollow(input: GraphEdge, output: GraphEdge): boolean {
  const [a, b] = [input.shape, output.shape];
  if (!input.dtype || input.dtype !== output.dtype || !a || a.length === 0) return false;
  return !b || (a.length === b.length && a.every((extent, k) => isOpen(extent) || isOpen(b[k]) || extent === b[k]));
}

function stateOf({ name, dtype = 'float32', shape = [] }: GraphEdge, output: string, found: GraphState['found']) {
  return { name, output, dtype, shape, rows: rowsOfState(shape), found };
}

function openedState({ name, output, dtype, shape, rows }: GraphModel['hidden'][number]): GraphState {
  return { name, output, dtype, shape, rows, found: 'opened' };
}

function requireOnce(names: readonly string[]): void {
  const twice = names.find((name, k) => names.indexOf(name) !== k);
  if (twice === undefined) return;
  throw fieldProblem('invalid-value', '?states', `'${twice}' is in ?states twice. Name each state once.`);
}

function unknown(kind: string, name: string, known: readonly { readonly name: string }[]) {
  const names = known.map((one) => `'${one.name}'`).slice(0, 50);
  const detail = `The graph has no ${kind} '${name}'. Its ${kind}s: ${names.join(', ') || 'none'}.`;
  return fieldProblem('invalid-value', '?states', detail);
}

/** `FLOAT [2,?,128]`, as messages write an input or output. */
export function textOf({ type, shape }: GraphEdge): string {
  return `${type} ${shape ? `[${shape.join(',')}]` : 'of any shape'}`;
}
