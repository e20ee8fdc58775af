import { codecFor } from '../src/http/numbers/codec.ts';

const COMMA = 0x2c;
const ZERO = 0x30;
const NINE = 0x39;

/** A text that is wrong, and why. */
export interface WrongText {
  readonly bits: number;
  readonly text: string;
  readonly why: string;
}

/** Values as a JSON list. */
function printList(values: Float32Array): string {
  return codecFor(0).print(values, [values.length]);
}

/**
 * Checks the texts of `count` float32 values whose bits start at `from`, all of one sign: that each reads back, that no
 * decimal of fewer digits does, and that none of as many digits that does is closer. Decimals are read by JSON.parse.
 */
export function findWrongTexts(from: number, count: number, print = printList): WrongText[] {
  const bits = Uint32Array.from({ length: count }, (_, i) => from + i);
  const values = new Float32Array(bits.buffer);
  const list = print(values);
  const texts = list.slice(1, -1).split(',');
  const wrong: WrongText[] = [];
  const note = (i: number, why: string) => wrong.push({ bits: bits[i], text: texts[i], why });
  if (texts.length !== count) note(0, `${texts.length} texts for ${count} values`);

  const read = JSON.parse(list) as (number | string)[];
  const below = JSON.parse(shorter(list, false)) as (number | string)[];
  const above = JSON.parse(shorter(list, true)) as (number | string)[];
  for (let i = 0; i < count; i++) {
    const value = values[i];
    const decimal = read[i];
    if (!Number.isFinite(value)) {
      if (decimal !== `${value}`) note(i, 'is not the name of a value that is not finite');
      continue;
    }
    if (typeof decimal === 'string' || !Object.is(Math.fround(decimal), value)) note(i, 'does not read back');
    else if (value !== 0 && below[i] !== decimal) {
      const shorterReadsBack = [below[i], above[i]].some((one) => Math.fround(one as number) === value);
      if (shorterReadsBack && !isAmbiguous(value)) note(i, 'is too long');
      else if (isFar(texts[i], decimal, value, below[i] as number, above[i] as number)) note(i, 'is not the closest');
    }
  }
  return wrong;
}

/** 7.038531e-26 is one float32 when it is read directly and its neighbour by way of float64: it is written for neither. */
function isAmbiguous(value: number): boolean {
  return Math.abs(value) === Math.fround(7.0385313e-26);
}

/**
 * Whether another decimal of as many digits is closer, or as close and farther from zero, and reads back. `below` and
 * `above` are the decimals of one digit less on both sides, ten units apart.
 */
function isFar(text: string, decimal: number, value: number, below: number, above: number): boolean {
  const unit = Math.abs(above - below) / 10;
  if (Math.abs(value - decimal) < 0.4999 * unit) return false;
  const digits = text
    .replace(/e.*/, '')
    .replace(/[-.]/g, '')
    .replace(/^0+|0+$/g, '').length;
  // Exact, and ties go away from zero.
  const closest = Number(value.toPrecision(digits));
  return closest !== decimal && Math.fround(closest) === value;
}

/**
 * The list with every number cut to one digit less, or that plus one unit of its last digit; numbers of one digit, for
 * which there is none, are left as they are.
 */
function shorter(list: string, up: boolean): string {
  const bytes = Buffer.from(list, 'latin1');
  let grown: [at: number, text: string][] | undefined;
  for (let at = 1; at < bytes.length; at++) {
    const start = at;
    let first = -1;
    let last = -1;
    let inExponent = false;
    for (; bytes[at] !== COMMA && at < bytes.length - 1; at++) {
      if (bytes[at] === 0x65) inExponent = true;
      if (inExponent || bytes[at] <= ZERO || bytes[at] > NINE) continue;
      if (first < 0) first = at;
      last = at;
    }
    if (first === last || bytes[start] === 0x22) continue;
    bytes[last] = ZERO;
    if (!up) continue;
    let place = last - 1;
    for (; place >= first && (bytes[place] === NINE || bytes[place] < ZERO); place--)
      if (bytes[place] === NINE) bytes[place] = ZERO;
    if (place >= first) bytes[place]++;
    else {
      grown ??= [];
      grown.push([first, '1']);
    }
  }
  const text = bytes.toString('latin1');
  if (!grown) return text;
  let result = '';
  let from = 0;
  for (const [at, digit] of grown) {
    // 0.99 becomes 1.00, 9.9 becomes 10.0.
    const carries = text[at - 1] === '.' && text[at - 2] === '0';
    const zero = text[at - 1] === '0' && at - 1 >= from ? at - 1 : -1;
    const place = carries ? at - 2 : zero;
    result += place < 0 ? text.slice(from, at) + digit : text.slice(from, place) + digit;
    from = place < 0 ? at : place + 1;
  }
  return result + text.slice(from);
}
