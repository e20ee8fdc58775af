import type { LayerStep } from '../model/equation.ts';
import type { Layer } from '../model/layers.ts';
import type { Moment } from '../model/moment.ts';

/** A layer's own part of a step. The input of an upper layer is the new state of the one below it. */
export function layerStep(layers: readonly Layer[], index: number, moment: Moment): LayerStep {
  const layer = layers[index];
  const below = layers[index - 1];
  return {
    x: below ? moment.states[below.states[0]] : moment.x,
    former: layer.states.map((state) => moment.former[state]),
    states: layer.states.map((state) => moment.states[state]),
    gates: moment.gates,
  };
}

/** Names of the states of a cell, by layers: h, c; with a number where there are several layers. */
export function stateNames(layers: readonly Layer[], count: number): string[] {
  if (layers.length === 0) return Array.from({ length: count }, (_, i) => `state ${i}`);
  return layers.flatMap((layer, i) => {
    const number = layers.length > 1 ? String(i + 1) : '';
    return layer.states.length === 2 ? [`h${number}`, `c${number}`] : [`h${number}`];
  });
}
