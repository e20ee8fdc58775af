import { type Dtype, rounder, type Tensor } from '../domain/tensor.ts';

/**
 * The shortest decimal that reads back to the same float32, as JSON text; -0 and the quoted non-finite names included.
 * Every float32 has one of at most 9 digits; one of 8 digits may be shorter only if 7 or fewer are not enough.
 */
export function float32Text(value: number): string {
  if (!Number.isFinite(value)) return nonFinite(value);
  if (Number.isInteger(value) && Math.abs(value) < 2 ** 24) return Object.is(value, -0) ? '-0' : `${value}`;
  // Any decimal of 6 digits comes back from a normal float32 (FLT_DIG), so six find the shorter ones as well.
  for (let digits = Math.abs(value) < 2 ** -126 ? 1 : 6; digits < 9; digits++) {
    const found = readsBack(value, digits);
    if (found !== undefined) return `${found}`;
  }
  return `${Number(value.toPrecision(9))}`;
}

/** A decimal of so many digits that rounds to the float32, or undefined. */
function readsBack(value: number, digits: number): number | undefined {
  const nearest = Number(value.toPrecision(digits));
  if (Math.fround(nearest) === value) return nearest;
  const next = awayFromZero(value, nearest, digits);
  return Math.fround(next) === value ? next : undefined;
}

/**
 * The nearest decimal, or the next one away from zero where that lies on the side of zero: below a power of two the values
 * of a dtype lie closer than above it, so it may fit where the nearest does not.
 */
function awayFromZero(value: number, nearest: number, digits: number): number {
  const unit = 10 ** (Math.floor(Math.log10(Math.abs(value))) - digits + 1);
  return Number((nearest + (nearest < value === value > 0 ? Math.sign(value) * unit : 0)).toPrecision(digits));
}

/** Digits that tell any two values of the dtype apart. */
const HALF_DIGITS = { float16: 5, bfloat16: 4 };

/**
 * The same for the dtypes of two bytes. Not one function for all three: a call to a rounding that is only known at run time
 * makes that of float32, which most replies are full of, four times slower.
 */
export function halfText(dtype: keyof typeof HALF_DIGITS): (value: number) => string {
  const round = rounder(dtype);
  const most = HALF_DIGITS[dtype];
  return (value) => {
    if (!Number.isFinite(value) || (Number.isInteger(value) && Math.abs(value) < 2 ** 24)) return float32Text(value);
    for (let digits = 1; digits < most; digits++) {
      const nearest = Number(value.toPrecision(digits));
      if (round(nearest) === value) return `${nearest}`;
      const next = awayFromZero(value, nearest, digits);
      if (round(next) === value) return `${next}`;
    }
    return `${Number(value.toPrecision(most))}`;
  };
}

/** The shortest decimal that reads back to the same float64. */
export function float64Text(value: number): string {
  if (!Number.isFinite(value)) return nonFinite(value);
  return Object.is(value, -0) ? '-0' : `${value}`;
}

function nonFinite(value: number): string {
  return `"${value}"`;
}

/** Writes one element of a tensor of the dtype as JSON. */
function elementText(dtype: Dtype): (value: number | bigint) => string {
  if (dtype === 'bool') return (value) => (value ? 'true' : 'false');
  if (dtype === 'float32') return (value) => float32Text(value as number);
  if (dtype === 'float16' || dtype === 'bfloat16') {
    const text = halfText(dtype);
    return (value) => text(value as number);
  }
  if (dtype !== 'int64') return (value) => float64Text(value as number);
  return (value) => (Number.isSafeInteger(Number(value)) ? `${value}` : `"${value}"`);
}

/** A tensor as nested JSON arrays; a bare element for a scalar. */
export function nestedText({ dtype, shape, data }: Tensor): string {
  const text = elementText(dtype);
  if (shape.length === 0) return text(data[0]);
  if (data.length === 0) return emptyText(shape);
  let next = 0;
  const level = (axis: number): string => {
    const last = axis === shape.length - 1;
    let row = '[';
    for (let i = 0; i < shape[axis]; i++) row += (i > 0 ? ',' : '') + (last ? text(data[next++]) : level(axis + 1));
    return `${row}]`;
  };
  return level(0);
}

/** Nested arrays without a number in them: all of one level are alike, and there may be millions. */
function emptyText(shape: readonly number[]): string {
  const [count, ...rest] = shape;
  if (count === 0) return '[]';
  const inner = emptyText(rest);
  return `[${`${inner},`.repeat(count - 1)}${inner}]`;
}

/** A tensor's elements as one flat JSON list. */
export function flatText({ dtype, data }: Tensor): string {
  return `[${Array.from(data as ArrayLike<number | bigint>, elementText(dtype)).join(',')}]`;
}
