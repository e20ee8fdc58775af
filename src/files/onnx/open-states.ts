import type { HiddenState } from '../../domain/graph.ts';
import type { FileLimits } from '../bounds.ts';
import { elementTypeOf } from './element-types.ts';
import { readNode } from './graph.ts';
import { INPUTS } from './reader.ts';
import { ATTRIBUTE, FieldBudget, fieldsOf, GRAPH, MODEL, NODE, textOf } from './wire.ts';
import { bytes as bytesField, encoded, identityNode, nested, text, valueInfo } from './write-messages.ts';

/** Where the outputs of a recurrent node stand. */
const OUTPUT_PLACES = { initial_h: 1, initial_c: 2 } as const;

/** A state that a graph gives, by the name that the value has in this graph. */
interface Given {
  readonly state: HiddenState;
  readonly value: string;
}

/** A message written anew, and the states that it gives. */
interface Opened {
  readonly bytes: Uint8Array;
  readonly given: readonly Given[];
}

/**
 * The same model with hidden states as inputs and outputs of its graph. All other bytes stay as they are. A branch of an If
 * sees the inputs of the graph around it, and gives the new state as one more output; the other branch gives the old one.
 */
export function openStates(model: Uint8Array, states: readonly HiddenState[], limits: FileLimits): Uint8Array {
  const opener = new Opener(
    new FieldBudget(limits),
    Map.groupBy(states, ({ place }) => place),
  );
  return opener.model(model, states);
}

class Opener {
  private readonly budget: FieldBudget;
  private readonly states: ReadonlyMap<string, readonly HiddenState[]>;
  /** Places of the nodes around those that have states. */
  private readonly around = new Set<string>();

  constructor(budget: FieldBudget, states: ReadonlyMap<string, readonly HiddenState[]>) {
    this.budget = budget;
    this.states = states;
    for (const place of states.keys()) {
      // `3` and `3.then_branch.5` are around `3.then_branch.5.else_branch.0`.
      const parts = place.split('.');
      for (let end = parts.length - 2; end > 0; end -= 2) this.around.add(parts.slice(0, end).join('.'));
    }
  }

  model(message: Uint8Array, states: readonly HiddenState[]): Uint8Array {
    const parts: Uint8Array[] = [];
    for (const { number, bytes, whole } of fieldsOf(message, this.budget)) {
      if (number !== MODEL.graph) {
        parts.push(whole);
        continue;
      }
      const { bytes: graph, given } = this.graph(bytes, '');
      const renamed = given.filter(({ state, value }) => value !== state.output);
      const edges = [
        // The node that gives it may have a name for it already that other nodes use.
        ...renamed.map(({ state, value }) => nested(GRAPH.node, identityNode(value, state.output))),
        ...states.map((state) => nested(GRAPH.input, infoOf(state, state.name))),
        ...states.map((state) => nested(GRAPH.output, infoOf(state, state.output))),
      ].map(encoded);
      parts.push(encoded(bytesField(MODEL.graph, Buffer.concat([graph, ...edges]))));
    }
    return Buffer.concat(parts);
  }

  private graph(message: Uint8Array, prefix: string): Opened {
    const parts: Uint8Array[] = [];
    const given: Given[] = [];
    let index = 0;
    for (const { number, bytes, whole } of fieldsOf(message, this.budget)) {
      if (number !== GRAPH.node) {
        parts.push(whole);
        continue;
      }
      const place = `${prefix}${index++}`;
      const opened = this.node(bytes, place);
      parts.push(opened ? encoded(bytesField(GRAPH.node, opened.bytes)) : whole);
      given.push(...(opened?.given ?? []));
    }
    return { bytes: Buffer.concat(parts), given };
  }

  /** Undefined where the node has nothing to open. */
  private node(message: Uint8Array, place: string): Opened | undefined {
    const own = this.states.get(place);
    if (own) return this.recurrentNode(message, own);
    return this.around.has(place) ? this.ifNode(message, place) : undefined;
  }

  private recurrentNode(message: Uint8Array, states: readonly HiddenState[]): Opened {
    const { opType, inputs, outputs } = readNode(message, this.budget);
    const given = states.map((state): Given => {
      const place = OUTPUT_PLACES[state.which];
      put(inputs, INPUTS[opType].indexOf(state.which), state.name);
      const value = outputs[place] || nameAt(state, state.place);
      put(outputs, place, value);
      return { state, value };
    });
    return { bytes: this.withEdges(message, inputs, outputs), given };
  }

  private ifNode(message: Uint8Array, place: string): Opened {
    const { inputs, outputs } = readNode(message, this.budget);
    const opened = new Map<string, Opened>();
    for (const { number, bytes } of fieldsOf(message, this.budget)) {
      if (number !== NODE.attribute) continue;
      const { name, graph } = this.branch(bytes);
      if (graph) opened.set(name, this.graph(graph, `${place}.${name}.`));
    }
    const states = [...opened.values()].flatMap(({ given }) => given.map(({ state }) => state));
    const parts: Uint8Array[] = [];
    for (const { number, bytes, whole } of fieldsOf(message, this.budget)) {
      const branch = number === NODE.attribute ? opened.get(this.branch(bytes).name) : undefined;
      if (branch) {
        const { name } = this.branch(bytes);
        const graph = withStates(branch, states, `${place}.${name}.kept`);
        parts.push(encoded(bytesField(NODE.attribute, this.withBranch(bytes, graph))));
      }
      if (!branch && number !== NODE.input && number !== NODE.output) parts.push(whole);
    }
    const given = states.map((state) => ({ state, value: nameAt(state, place) }));
    const all = [...outputs, ...given.map(({ value }) => value)];
    return { bytes: Buffer.concat([...edgesOf(inputs, all), ...parts]), given };
  }

  private branch(attribute: Uint8Array): { readonly name: string; readonly graph?: Uint8Array } {
    let name = '';
    let graph: Uint8Array | undefined;
    for (const { number, bytes } of fieldsOf(attribute, this.budget)) {
      if (number === ATTRIBUTE.name) name = textOf(bytes);
      if (number === ATTRIBUTE.g) graph = bytes;
    }
    return graph ? { name, graph } : { name };
  }

  private withBranch(attribute: Uint8Array, graph: Uint8Array): Uint8Array {
    const rest = [...fieldsOf(attribute, this.budget)].filter(({ number }) => number !== ATTRIBUTE.g);
    return Buffer.concat([...rest.map(({ whole }) => whole), encoded(bytesField(ATTRIBUTE.g, graph))]);
  }

  private withEdges(message: Uint8Array, inputs: readonly string[], outputs: readonly string[]): Uint8Array {
    const rest = [...fieldsOf(message, this.budget)].filter(
      ({ number }) => number !== NODE.input && number !== NODE.output,
    );
    return Buffer.concat([...edgesOf(inputs, outputs), ...rest.map(({ whole }) => whole)]);
  }
}

/** A branch that gives every state of its If, in their order: a new one, or the one that came in, named by `place`. */
function withStates({ bytes, given }: Opened, states: readonly HiddenState[], place: string): Uint8Array {
  const more = states.flatMap((state) => {
    const own = given.find((one) => one.state === state);
    const value = own?.value ?? nameAt(state, place);
    const output = nested(GRAPH.output, infoOf(state, value));
    return own ? [output] : [nested(GRAPH.node, identityNode(state.name, value)), output];
  });
  return Buffer.concat([bytes, ...more.map(encoded)]);
}

/** A name for a new state where the node at `place` gives it. A name in a graph must not occur in the graphs around it. */
function nameAt({ output }: HiddenState, place: string): string {
  return place.includes('.') ? `${output}@${place}` : output;
}

function infoOf({ dtype, shape }: HiddenState, name: string) {
  return valueInfo(name, elementTypeOf(dtype), shape);
}

function edgesOf(inputs: readonly string[], outputs: readonly string[]): Uint8Array[] {
  return [...inputs.map((name) => text(NODE.input, name)), ...outputs.map((name) => text(NODE.output, name))].map(
    encoded,
  );
}

/** Names that are left out are empty. */
function put(names: string[], place: number, name: string): void {
  while (names.length <= place) names.push('');
  names[place] = name;
}
