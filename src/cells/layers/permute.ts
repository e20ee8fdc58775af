import type { LayerFormula, LayerGradient } from './layer-formula.ts';

/** For each number of the output the place of it in the input. */
function sources(order: readonly number[], extents: readonly number[]): Int32Array {
  const strides = extents.map((_, axis) => extents.slice(axis + 1).reduce((size, extent) => size * extent, 1));
  const size = extents.reduce((product, extent) => product * extent, 1);
  const at = order.map(() => 0);
  return Int32Array.from({ length: size }, () => {
    const place = order.reduce((sum, axis, k) => sum + at[k] * strides[axis], 0);
    for (let k = at.length - 1; k >= 0 && ++at[k] === extents[order[k]]; k--) at[k] = 0;
    return place;
  });
}

/** The axes of a unit in another order: axis k of the output is axis order[k]. Keras Permute.call. */
export const permute: LayerFormula<'permute'> = ({ params: { order, extents } }) => {
  return ([x], { time }) => {
    const places = sources(
      order,
      extents.map((extent) => extent ?? time),
    );
    return Float64Array.from(places, (place) => x[place]);
  };
};

/** Each number's gradient goes back to where it came from. */
export const permuteGradient: LayerGradient<'permute'> = ({ params: { order, extents } }) => {
  return ({ inputs: [x], unit: { time } }, dy) => {
    const dx = new Float64Array(x.length);
    const places = sources(
      order,
      extents.map((extent) => extent ?? time),
    );
    for (const [i, place] of places.entries()) dx[place] = dy[i];
    return [dx];
  };
};
