import type { MaskRule } from '../../domain/network.ts';
import { Problem } from '../../domain/problems.ts';
import type { FloatArray } from '../../domain/tensor.ts';

/** A value with its mask [rows]: a row is a time step of one row of the batch. */
export interface Masked {
  readonly values: FloatArray;
  readonly mask?: Uint8Array;
}

/**
 * The mask of a layer's output, from those of its inputs; undefined if there is none. Keras compute_mask.
 * @throws {Problem} invalid-value where a mask comes to a layer that takes none
 */
export function maskAfter(rule: MaskRule, inputs: readonly Masked[], rows: number): Uint8Array | undefined {
  const [{ values, mask }] = inputs;
  switch (rule.kind) {
    case 'pass':
      return mask;
    case 'drop':
      return undefined;
    case 'non-zero':
      return maskWhere(values, rows, (value) => value !== 0);
    case 'differs':
      return maskWhere(values, rows, (value) => value !== rule.value);
    case 'any':
      return inputs.every((input) => input.mask) ? anyOf(inputs) : undefined;
    case 'concatenate':
      if (inputs.every((input) => !input.mask)) return undefined;
      return inputs.every((input) => input.mask) ? anyOf(inputs) : new Uint8Array(rows).fill(1);
    case 'refuse':
      if (!mask) return undefined;
      throw new Problem(
        'invalid-value',
        'A Softmax layer cannot take a mask of time steps. Use the activation "softmax".',
      );
  }
}

/** True for the rows with any number that is `live`. */
function maskWhere(values: FloatArray, rows: number, live: (value: number) => boolean): Uint8Array {
  const width = rows > 0 ? values.length / rows : 0;
  return Uint8Array.from({ length: rows }, (_, row) => {
    for (let k = row * width; k < (row + 1) * width; k++) if (live(values[k])) return 1;
    return 0;
  });
}

function anyOf(inputs: readonly Masked[]): Uint8Array {
  const [first, ...others] = inputs.map(({ mask }) => mask as Uint8Array);
  return first.map((live, row) => (live || others.some((other) => other[row]) ? 1 : 0));
}
