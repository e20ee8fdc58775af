type Rgb = readonly [number, number, number];

/** Ends of the scale for numbers; blue and orange stay apart for the colour-blind too. */
const LIGHT = { zero: [240, 242, 245], plus: [11, 87, 208], minus: [208, 84, 0] } as const satisfies Record<
  string,
  Rgb
>;
const DARK = { zero: [38, 43, 50], plus: [105, 165, 255], minus: [255, 150, 70] } as const satisfies Record<
  string,
  Rgb
>;
const NOT_A_NUMBER: Rgb = [200, 30, 120];

/** The colour of a number on a scale from -scale to scale, as red, green and blue. */
export function rgbOf(value: number, scale: number, dark: boolean): Rgb {
  if (Number.isNaN(value)) return NOT_A_NUMBER;
  const { zero, plus, minus } = dark ? DARK : LIGHT;
  const share = Math.min(1, Math.abs(value) / (scale || 1)) ** 0.8;
  const end = value < 0 ? minus : plus;
  const mixed = (i: 0 | 1 | 2) => Math.round(zero[i] + (end[i] - zero[i]) * share);
  return [mixed(0), mixed(1), mixed(2)];
}

export function colorOf(value: number, scale: number, dark: boolean): string {
  return `rgb(${rgbOf(value, scale, dark).join(' ')})`;
}

/** Black or white, whichever can be read on the colour. */
export function inkOn([red, green, blue]: Rgb): string {
  return 0.299 * red + 0.587 * green + 0.114 * blue > 140 ? '#14171b' : '#fff';
}

/** Colours of lines, told apart also without colour vision. */
export function lineColors(dark: boolean): readonly string[] {
  return dark
    ? ['#6ea8ff', '#ff9646', '#4fd1b3', '#e879c0', '#f2d14b', '#a78bfa', '#7dd3fc', '#fca5a5']
    : ['#0b57d0', '#c24e00', '#00796b', '#a3195b', '#7a5c00', '#6d28d9', '#0369a1', '#b91c1c'];
}

/** The largest size among numbers, infinite ones aside; at least `least`. */
export function scaleOf(values: Iterable<number>, least = 1e-6): number {
  let scale = least;
  for (const value of values) {
    const size = Math.abs(value);
    if (size > scale && size < Number.POSITIVE_INFINITY) scale = size;
  }
  return scale;
}
