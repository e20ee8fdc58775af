import type { LayerFormula, LayerGradient } from './layer-formula.ts';

/** The same numbers at each of `times` steps. Keras RepeatVector.call. */
export const repeatVector: LayerFormula<'repeat_vector'> = ({ params: { times } }) => {
  return ([x]) => Float64Array.from({ length: times * x.length }, (_, i) => x[i % x.length]);
};

/** dx = Σ over the steps of dy */
export const repeatVectorGradient: LayerGradient<'repeat_vector'> = () => {
  return ({ inputs: [x] }, dy) => {
    const dx = new Float64Array(x.length);
    for (let i = 0; i < dy.length; i++) dx[i % x.length] += dy[i];
    return [dx];
  };
};
