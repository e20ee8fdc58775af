import { type Dtype, rounder, type Tensor } from '../../domain/tensor.ts';
import { codecFor } from './codec.ts';

/**
 * The shortest decimal that reads back to the same float32, as JSON text; -0 and the quoted non-finite names included. Of
 * several that are as short it is the closest, of two equally close ones the one farther from zero.
 */
export function float32Text(value: number): string {
  return codecFor(0).print(Float32Array.of(value), [1]).slice(1, -1);
}

/**
 * The nearest decimal, or the next one away from zero where that lies on the side of zero: below a power of two the values
 * of a dtype lie closer than above it, so it may fit where the nearest does not.
 */
function awayFromZero(value: number, nearest: number, digits: number): number {
  const unit = 10 ** (Math.floor(Math.log10(Math.abs(value))) - digits + 1);
  return Number((nearest + (nearest < value === value > 0 ? Math.sign(value) * unit : 0)).toPrecision(digits));
}

/** About how much text a number of a reply takes. */
const TEXT_BYTES = 12;
/** How many elements are used to estimate the length of a text. */
const SAMPLE = 1_000;
/** Elements whose text is short, however they are nested. */
const FEW = 2 ** 14;

/** Digits that tell any two values of the dtype apart. */
const HALF_DIGITS = { float16: 5, bfloat16: 4 };

/** The same for the dtypes of two bytes. It remembers what it has written: they have no more than 65,536 values. */
export function halfText(dtype: keyof typeof HALF_DIGITS): (value: number) => string {
  const round = rounder(dtype);
  const most = HALF_DIGITS[dtype];
  const known = new Map<number, string>();
  return (value) => {
    // A map takes -0 for 0.
    if (value === 0) return float32Text(value);
    const text = known.get(value) ?? shortest(value);
    known.set(value, text);
    return text;
  };
  function shortest(value: number): string {
    if (!Number.isFinite(value) || (Number.isInteger(value) && Math.abs(value) < 2 ** 24)) return float32Text(value);
    for (let digits = 1; digits < most; digits++) {
      const nearest = Number(value.toPrecision(digits));
      if (round(nearest) === value) return `${nearest}`;
      const next = awayFromZero(value, nearest, digits);
      if (round(next) === value) return `${next}`;
    }
    return `${Number(value.toPrecision(most))}`;
  }
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
  if (dtype === 'float32') return codecFor(data.length * TEXT_BYTES).print(data as Float32Array, shape);
  let next = 0;
  const level = (axis: number): string => {
    const last = axis === shape.length - 1;
    let row = '[';
    for (let i = 0; i < shape[axis]; i++) row += (i > 0 ? ',' : '') + (last ? text(data[next++]) : level(axis + 1));
    return `${row}]`;
  };
  return level(0);
}

/** Nested arrays without numbers. All arrays of one level are equal, and there may be millions. */
function emptyText(shape: readonly number[]): string {
  const [count, ...rest] = shape;
  if (count === 0) return '[]';
  const inner = emptyText(rest);
  return `[${`${inner},`.repeat(count - 1)}${inner}]`;
}

/** A tensor's elements as one flat JSON list. */
export function flatText({ dtype, data }: Tensor): string {
  if (dtype === 'float32' && data.length > 0)
    return codecFor(data.length * TEXT_BYTES).print(data as Float32Array, [data.length]);
  return `[${Array.from(data as ArrayLike<number | bigint>, elementText(dtype)).join(',')}]`;
}

/** Estimates the length of a tensor's text as nested arrays from some of its elements; 0 if it has too few to matter. */
export function expectedLength({ dtype, data, shape }: Tensor): number {
  if (data.length < FEW) return 0;
  const stride = Math.floor(data.length / SAMPLE);
  const text = elementText(dtype);
  let length = 0;
  for (let k = 0; k < SAMPLE; k++) length += text(data[k * stride]).length + 1;
  // Each array has its brackets and a comma.
  let arrays = 1;
  let brackets = 0;
  for (const extent of shape.slice(0, -1)) {
    arrays *= extent;
    brackets += 3 * arrays;
  }
  return (length / SAMPLE) * data.length + brackets;
}
