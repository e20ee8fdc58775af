import type { LayerStep } from '../model/equation.ts';
import type { Layer, LayerKind } from '../model/layers.ts';
import type { TextName } from '../texts/index.ts';

/** A box of the diagram: a vector that a step computes. Places are in the units of the drawing. */
export interface Node {
  readonly id: string;
  readonly sign: string;
  readonly text: TextName;
  readonly x: number;
  readonly y: number;
  readonly values: (step: LayerStep, layer: Layer) => readonly number[];
}

/** An arrow between boxes. A sign stands at its end: what happens to the values there. */
export interface Wire {
  readonly from: string;
  readonly to: string;
  readonly sign?: string;
}

export interface Layout {
  readonly height: number;
  readonly nodes: readonly Node[];
  readonly wires: readonly Wire[];
}

export const WIDTH = 640;
export const NODE = { width: 128, height: 62 } as const;

const gate =
  (name: string) =>
  (step: LayerStep, layer: Layer): readonly number[] =>
    step.gates[layer.prefix + name]?.after ?? [];

const node = (
  id: string,
  sign: string,
  text: TextName,
  [x, y]: readonly [number, number],
  values: Node['values'],
): Node => ({ id, sign, text, x, y, values });
const input = (x: number, y: number) => node('x', 'x', 'node.x', [x, y], (step) => step.x);
const former = (x: number, y: number) => node('h', 'h', 'node.h', [x, y], (step) => step.former[0]);
const next = (x: number, y: number) => node('next', 'h′', 'node.next', [x, y], (step) => step.states[0]);
const wires = (text: string): Wire[] =>
  text.split(' ').map((wire) => {
    const [from, to, sign] = wire.split('>');
    return { from, to, sign };
  });

export const LAYOUTS: Readonly<Record<LayerKind, Layout>> = {
  simple: {
    height: 200,
    nodes: [
      former(20, 16),
      input(20, 122),
      node('sum', 'Σ', 'node.sum', [240, 69], (step, layer) => step.gates[`${layer.prefix}h`]?.before ?? []),
      next(470, 69),
    ],
    wires: wires('x>sum>·W h>sum>·U sum>next>f'),
  },
  gru: {
    height: 300,
    nodes: [
      former(20, 16),
      input(20, 222),
      node('z', 'z', 'node.z', [200, 72], gate('z')),
      node('r', 'r', 'node.r', [200, 156], gate('r')),
      node('hh', 'ĥ', 'node.hh', [360, 222], gate('hh')),
      next(490, 16),
    ],
    wires: wires('h>next h>z x>z h>r x>r r>hh>∘ x>hh z>next>∘ hh>next'),
  },
  lstm: {
    height: 384,
    nodes: [
      node('c', 'c', 'node.c', [20, 10], (step) => step.former[1]),
      former(20, 160),
      input(20, 308),
      node('f', 'f', 'node.f', [200, 78], gate('f')),
      node('i', 'i', 'node.i', [200, 154], gate('i')),
      node('cc', 'ĉ', 'node.cc', [200, 230], gate('c')),
      node('o', 'o', 'node.o', [200, 308], gate('o')),
      node('newc', 'c′', 'node.newc', [400, 10], (step) => step.states[1]),
      next(490, 232),
    ],
    wires: wires('c>newc f>newc>∘ i>newc>∘ cc>newc h>f x>f h>i x>i h>cc x>cc h>o x>o newc>next o>next>∘'),
  },
  dense: {
    height: 100,
    nodes: [
      input(20, 20),
      node('sum', 'Σ', 'node.sum', [240, 20], (step, layer) => step.gates[layer.prefix.slice(0, -1)]?.before ?? []),
      node('next', 'y', 'node.y', [470, 20], (step) => step.output),
    ],
    wires: wires('x>sum>·W sum>next>f'),
  },
  other: {
    height: 100,
    nodes: [input(80, 20), node('next', 'y', 'node.y', [420, 20], (step) => step.output)],
    wires: wires('x>next'),
  },
};
