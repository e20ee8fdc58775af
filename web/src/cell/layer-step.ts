import type { LayerStep } from '../model/equation.ts';
import type { Layer } from '../model/layers.ts';
import type { Moment } from '../model/moment.ts';

/** A layer's own part of a step. The input of an upper layer is what the one below it puts out. */
export function layerStep(layers: readonly Layer[], index: number, moment: Moment): LayerStep {
  const layer = layers[index];
  return {
    x: index === 0 ? moment.x : outputOf(layers[index - 1], moment),
    former: layer.states.map((state) => moment.former[state]),
    states: layer.states.map((state) => moment.states[state]),
    gates: moment.gates,
    output: outputOf(layer, moment),
  };
}

/** Layers of a network say what they put out under their own name; that of a cell is its first state. */
function outputOf(layer: Layer, moment: Moment): readonly number[] {
  return moment.gates[layer.prefix.slice(0, -1)]?.after ?? moment.states[layer.states[0]] ?? [];
}

/** Names of the states of a cell, by layers: h, c; with a number where there are several layers. */
export function stateNames(layers: readonly Layer[], count: number): string[] {
  if (layers.length === 0) return Array.from({ length: count }, (_, i) => `state ${i}`);
  const recurrent = layers.filter(({ states }) => states.length > 0);
  return recurrent.flatMap((layer, i) => {
    const number = recurrent.length > 1 ? String(i + 1) : '';
    return layer.states.length === 2 ? [`h${number}`, `c${number}`] : [`h${number}`];
  });
}
