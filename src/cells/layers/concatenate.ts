import type { LayerFormula, LayerGradient } from './layer-formula.ts';

/** The inputs one after another along an axis. Keras Concatenate.call. */
export const concatenate: LayerFormula<'concatenate'> = ({ params: { widths } }) => {
  return (inputs) => {
    const own = inputs.map((input, n) => widths[n] ?? input.length);
    const y = new Float64Array(inputs.reduce((sum, input) => sum + input.length, 0));
    const whole = own.reduce((sum, width) => sum + width, 0);
    for (let row = 0, at = 0; at < y.length && whole > 0; row++) {
      for (const [n, input] of inputs.entries()) {
        y.set(input.subarray(row * own[n], (row + 1) * own[n]), at);
        at += own[n];
      }
    }
    return y;
  };
};

/** Each input gets its part back. */
export const concatenateGradient: LayerGradient<'concatenate'> = ({ params: { widths } }) => {
  return ({ inputs }, dy) => {
    const own = inputs.map((input, n) => widths[n] ?? input.length);
    const gradients = inputs.map((input) => new Float64Array(input.length));
    const whole = own.reduce((sum, width) => sum + width, 0);
    for (let row = 0, at = 0; at < dy.length && whole > 0; row++) {
      for (const [n, gradient] of gradients.entries()) {
        gradient.set(dy.subarray(at, at + own[n]), row * own[n]);
        at += own[n];
      }
    }
    return gradients;
  };
};
