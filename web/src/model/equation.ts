import { show } from '../numbers/numbers.ts';
import { GATES, type Layer, type LayerWeights } from './layers.ts';
import type { Gates } from './moment.ts';

/** One line of the formula of a unit: in letters, and with the numbers of a step filled in. */
export interface Line {
  readonly name: string;
  readonly letters: string;
  /** Without the result; undefined before the first step. */
  readonly numbers?: string;
  readonly result?: number;
}

/** What a layer had before it at a step, and what the service answered. */
export interface LayerStep {
  readonly x: readonly number[];
  /** [h] or [h, c] before the step, and after it. */
  readonly former: readonly (readonly number[])[];
  readonly states: readonly (readonly number[])[];
  readonly gates: Gates;
  /** What the layer puts out. */
  readonly output: readonly number[];
}

/** More terms than this are left out of the middle of a sum. */
const SHOWN_TERMS = 6;

/** The formula of one unit of a layer, for its very options. Every result is the service's own. */
export function equation(given: Layer, unit: number, weights?: LayerWeights, seen?: LayerStep): Line[] {
  const layer = weights?.peepholes ? { ...given, peepholes: true } : given;
  // Of a step that somebody else took, only the states are known.
  const step = seen && Object.keys(seen.gates).length > 0 ? seen : undefined;
  // In a network that is no chain, what goes into a layer is not known.
  const known = weights && step && step.x.length === weights.kernel.length;
  const sum = known ? new Sums(layer, unit, weights, step) : undefined;
  if (layer.kind === 'other') return [{ name: 'y', letters: `${layer.className}(x)`, ...result(step, unit) }];
  if (layer.kind === 'dense') return [denseLine(layer, unit, step, sum)];
  if (layer.kind === 'simple') return [gateLine(layer, 'h', 'h′', layer.activation, 'x·W + h·U', sum)];
  const gates = (names: readonly string[]) =>
    names.map((name) =>
      gateLine(layer, name, name, layer.recurrentActivation, `x·W${sub(name)} + h·U${sub(name)}`, sum),
    );
  if (layer.kind === 'gru') return [...gates(['z', 'r']), candidateLine(layer, sum), gruStateLine(unit, step, layer)];
  const candidate = layer.candidate ?? 'ĉ';
  return [
    ...(layer.coupled ? [...gates(['i']), coupledLine(unit, step, layer)] : gates(['i', 'f'])),
    gateLine(layer, 'c', candidate, layer.activation, 'x·Wc + h·Uc', sum),
    ...gates(['o']),
    ...lstmStateLines(unit, step, layer, weights),
  ];
}

/** What ends the sum of a gate: its biases, and the memory where the gate sees it. */
function ending(layer: Layer, gate: string, index: string): string {
  const two = layer.twoBiases || (layer.kind === 'gru' && layer.resetAfter);
  const memory = layer.peepholes && gate in PEEPING ? ` + ${PEEPING[gate as keyof typeof PEEPING]}∘P${gate}` : '';
  return `${layer.useBias ? ` + b${index}${two ? ` + b′${index}` : ''}` : ''}${memory}`;
}

/** The memory that a gate sees through its peephole. */
const PEEPING = { i: 'c', f: 'c', o: 'c′' } as const;

function coupledLine(unit: number, step: LayerStep | undefined, layer: Layer): Line {
  const line = { name: 'f', letters: '1 − i' };
  if (!step) return line;
  const gate = (name: string) => step.gates[layer.prefix + name].after[unit];
  return { ...line, numbers: `1 − ${bracketed(gate('i'))}`, result: gate('f') };
}

/** One unit of a Dense layer: y = activation(x·W + b). */
function denseLine(layer: Layer, unit: number, step?: LayerStep, sums?: Sums): Line {
  const line = { name: 'y', letters: applied(layer.activation, `x·W${layer.useBias ? ' + b' : ''}`) };
  if (!step || !sums) return { ...line, ...result(step, unit) };
  const before = step.gates[layer.prefix.slice(0, -1)]?.before[unit] ?? Number.NaN;
  const sum = joined([...sums.input(''), ...sums.biases('')]);
  return { ...line, numbers: appliedTo(layer.activation, sum, before), result: step.output[unit] };
}

function result(step: LayerStep | undefined, unit: number): Pick<Line, 'numbers' | 'result'> {
  const value = step?.output[unit];
  return value === undefined ? {} : { numbers: 'y', result: value };
}

const sub = (gate: string) => gate;

function gateLine(layer: Layer, gate: string, name: string, activation: string, product: string, sums?: Sums): Line {
  const index = layer.kind === 'simple' ? '' : gate;
  const letters = applied(activation, clipped(layer, product + ending(layer, gate, index)));
  if (!sums) return { name, letters };
  const terms = [...sums.input(gate), ...sums.recurrent(gate), ...sums.biases(gate), ...sums.peephole(gate)];
  const numbers = appliedTo(activation, clipped(layer, joined(terms)), sums.before(gate));
  return { name, letters, numbers, result: sums.after(gate) };
}

function candidateLine(layer: Layer, sums?: Sums): Line {
  const { useBias, activation, resetAfter, candidate = 'ĥ' } = layer;
  const inner = resetAfter
    ? `x·Wh${useBias ? ' + bh' : ''} + r∘(h·Uh${useBias ? ' + b′h' : ''})`
    : `x·Wh + (r∘h)·Uh${ending(layer, 'hh', 'h')}`;
  const line = { name: candidate, letters: applied(activation, clipped(layer, inner)) };
  if (!sums) return line;
  const terms = resetAfter
    ? [
        ...sums.input('hh'),
        ...sums.biases('hh').slice(0, 1),
        `${sums.shown('r')}·(${joined([...sums.recurrent('hh'), ...sums.biases('hh').slice(1)])})`,
      ]
    : [...sums.input('hh'), ...sums.resetRecurrent(), ...sums.biases('hh')];
  return {
    ...line,
    numbers: appliedTo(activation, clipped(layer, joined(terms)), sums.before('hh')),
    result: sums.after('hh'),
  };
}

function gruStateLine(unit: number, step: LayerStep | undefined, layer: Layer): Line {
  const line = { name: 'h′', letters: `z∘h + (1 − z)∘${layer.candidate ?? 'ĥ'}` };
  if (!step) return line;
  const z = show(step.gates[`${layer.prefix}z`].after[unit]);
  const candidate = bracketed(step.gates[`${layer.prefix}hh`].after[unit]);
  return {
    ...line,
    numbers: `${z}·${bracketed(step.former[0][unit])} + (1 − ${z})·${candidate}`,
    result: step.states[0][unit],
  };
}

function lstmStateLines(unit: number, step: LayerStep | undefined, layer: Layer, weights?: LayerWeights): Line[] {
  const { outputActivation = layer.activation } = layer;
  const memory = { name: 'c′', letters: `f∘c + i∘${layer.candidate ?? 'ĉ'}` };
  const out = `o∘${applied(outputActivation, 'c′')}`;
  const state = { name: 'h′', letters: layer.projected ? `(${out})·V` : out };
  if (!step) return [memory, state];
  const gate = (name: string) => step.gates[layer.prefix + name].after[unit];
  const kept = `${show(gate('f'))}·${bracketed(step.former[1][unit])}`;
  const added = `${show(gate('i'))}·${bracketed(gate('c'))}`;
  const shown = (j: number) => {
    const value = step.states[1][j];
    const seen = outputActivation === 'linear' ? bracketed(value) : `${named(outputActivation)}(${show(value)})`;
    return `${show(step.gates[`${layer.prefix}o`].after[j])}·${seen}`;
  };
  const remembered = { ...memory, numbers: `${kept} + ${added}`, result: step.states[1][unit] };
  if (!layer.projected) return [remembered, { ...state, numbers: shown(unit), result: step.states[0][unit] }];
  const row = weights?.projection?.[unit];
  // A projection has fewer units than the memory.
  if (!row) return [remembered];
  const numbers = joined(row.map((weight, j) => `${bracketed(weight)}·${shown(j)}`));
  return [remembered, { ...state, numbers, result: step.states[0][unit] }];
}

/** The terms of a unit's sums, with numbers. */
class Sums {
  private readonly layer: Layer;
  private readonly unit: number;
  private readonly weights: LayerWeights;
  private readonly step: LayerStep;

  constructor(layer: Layer, unit: number, weights: LayerWeights, step: LayerStep) {
    this.layer = layer;
    this.unit = unit;
    this.weights = weights;
    this.step = step;
  }

  input(gate: string): string[] {
    return this.step.x.map((x, i) => product(x, this.weights.kernel[i][this.column(gate)]));
  }

  recurrent(gate: string): string[] {
    return this.step.former[0].map((h, k) => product(h, this.weights.recurrent[k][this.column(gate)]));
  }

  /** Of a GRU that resets before the product: each unit's state, times its own reset gate. */
  resetRecurrent(): string[] {
    const reset = this.step.gates[`${this.layer.prefix}r`].after;
    const column = this.column('hh');
    return this.step.former[0].map((h, k) => `${show(reset[k])}·${product(h, this.weights.recurrent[k][column])}`);
  }

  biases(gate: string): string[] {
    return this.weights.bias.map((row) => bracketed(row[this.column(gate)]));
  }

  /** What a gate sees of the memory: of the new one, where it is the output gate. */
  peephole(gate: string): string[] {
    const weights = this.weights.peepholes?.[gate as 'i' | 'o' | 'f'];
    if (!weights) return [];
    const memory = gate === 'o' ? this.step.states[1] : this.step.former[1];
    return [product(memory[this.unit], weights[this.unit])];
  }

  shown(gate: string): string {
    return show(this.step.gates[this.layer.prefix + gate].after[this.unit]);
  }

  before(gate: string): number {
    return this.step.gates[this.layer.prefix + gate].before[this.unit];
  }

  after(gate: string): number {
    return this.step.gates[this.layer.prefix + gate].after[this.unit];
  }

  private column(gate: string): number {
    return GATES[this.layer.kind].indexOf(gate) * this.layer.units + this.unit;
  }
}

function named(activation: string): string {
  return activation === 'sigmoid' ? 'σ' : activation;
}

function clipped(layer: Layer, sum: string): string {
  return layer.clipped ? `clip(${sum})` : sum;
}

function applied(activation: string, inner: string): string {
  return activation === 'linear' ? inner : `${named(activation)}(${inner})`;
}

/** The sum, and where something is applied to it, what it comes to. */
function appliedTo(activation: string, sum: string, before: number): string {
  return activation === 'linear' ? sum : `${named(activation)}(${sum}) = ${named(activation)}(${show(before)})`;
}

function product(a: number, b: number): string {
  return `${bracketed(a)}·${bracketed(b)}`;
}

/** A negative number in brackets, as it stands after a sign. */
function bracketed(value: number): string {
  const text = show(value);
  return text.startsWith('−') ? `(${text})` : text;
}

function joined(terms: readonly string[]): string {
  if (terms.length <= SHOWN_TERMS) return terms.join(' + ');
  return [...terms.slice(0, SHOWN_TERMS - 2), '⋯', terms[terms.length - 1]].join(' + ');
}
