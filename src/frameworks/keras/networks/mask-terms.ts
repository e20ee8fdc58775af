import type { MaskRule } from '../../../domain/network.ts';

/** What Keras computes masks with. */
export const MASK_OPERATORS = [
  'NotEqual',
  'Any',
  'LogicalOr',
  'ExpandDims',
  'ZerosLike',
  'OnesLike',
  'Concatenate',
] as const;
export type MaskOperator = (typeof MASK_OPERATORS)[number];

/** How a mask is computed. Two masks of one term are equal, whatever goes into the network. */
export type MaskTerm = number;

/** A tensor of the graph, by the layer that gives it, and its mask. */
export interface MaskedTensor {
  readonly index: number;
  readonly mask?: MaskTerm;
}

/** Terms by what they are made of: equal ones have one number, so that they stay small however often they are used. */
export class MaskTerms {
  private readonly numbers = new Map<string, MaskTerm>();

  tensor({ index }: MaskedTensor): MaskTerm {
    return this.term(`tensor ${index}`);
  }

  number(value: number): MaskTerm {
    return this.term(`number ${value}`);
  }

  of(operator: MaskOperator, ...operands: readonly MaskTerm[]): MaskTerm {
    return this.term(`${operator} ${operands.join(' ')}`);
  }

  /** The mask that Keras computes for a layer's output. Source: compute_mask of each layer. */
  after(rule: MaskRule, inputs: readonly MaskedTensor[]): MaskTerm | undefined {
    const [input] = inputs;
    switch (rule.kind) {
      case 'pass':
        return input?.mask;
      case 'non-zero':
        return this.differing(input, 0);
      case 'differs':
        return this.of('Any', this.differing(input, rule.value));
      case 'any': {
        const masks = inputs.flatMap(({ mask }) => mask ?? []);
        return masks.length < inputs.length ? undefined : masks.reduce((all, mask) => this.of('LogicalOr', all, mask));
      }
      case 'concatenate':
        if (inputs.every(({ mask }) => mask === undefined)) return undefined;
        return this.of('Any', this.of('Concatenate', ...inputs.map((each) => this.wide(each))));
      case 'drop':
      case 'refuse':
        return undefined;
    }
  }

  private differing(input: MaskedTensor, value: number): MaskTerm {
    return this.of('NotEqual', this.tensor(input), this.number(value));
  }

  /** A mask with as many numbers as its tensor. */
  private wide(input: MaskedTensor): MaskTerm {
    const tensor = this.tensor(input);
    if (input.mask === undefined) return this.of('OnesLike', tensor);
    return this.of('LogicalOr', this.of('ExpandDims', input.mask), this.of('ZerosLike', tensor));
  }

  private term(made: string): MaskTerm {
    const known = this.numbers.get(made) ?? this.numbers.size;
    this.numbers.set(made, known);
    return known;
  }
}
