/**
 * logf and sincosf as glibc computes them on x86-64 (2.28 and later), bit for bit, for the arguments that random draws
 * need: Math.fround(Math.log(x)) differs from them by one ulp in 0.7 % of arguments, and TensorFlow's normal draws use
 * them. From Arm Optimized Routines (math/logf.c, sincosf.c): Copyright (c) 2017-2018 Arm Ltd, MIT licence.
 */

// 1/c and log(c) at the middles c of sixteen intervals.
const INVERSES = [
  1.398907162146528, 1.3403141896637998, 1.286432210124115, 1.2367150214269895, 1.1906977166711752, 1.1479821020556429,
  1.1082251448272158, 1.0711297413057381, 1.036437278977283, 1, 0.9492859795739057, 0.8951049428609004,
  0.8476821620351103, 0.8050314851692001, 0.7664671008843108, 0.731428603316328,
];
const LOGS = [
  -0.33569133332882284, -0.2929040563774074, -0.2518726580937369, -0.21245868807117255, -0.17453945183745634,
  -0.1380057072319758, -0.10275976698545139, -0.06871392447020525, -0.0357891387398228, 0, 0.05204517742929496,
  0.11081431298787942, 0.1652495223695143, 0.21687389031699977, 0.2659635028121397, 0.3127556664073557,
];

const bits = new DataView(new ArrayBuffer(4));

function bitsOf(x: number): number {
  bits.setFloat32(0, x);
  return bits.getInt32(0);
}

function fromBits(word: number): number {
  bits.setInt32(0, word);
  return bits.getFloat32(0);
}

/** The natural logarithm of a normal float32 in (0, 1]. */
export function logf(x: number): number {
  if (x === 1) return 0;
  const word = bitsOf(x);
  const offset = (word - 0x3f330000) | 0;
  const interval = (offset >>> 19) & 15;
  const exponent = offset >> 23;
  const z = fromBits(word - (offset & 0xff800000));
  const r = z * INVERSES[interval] - 1;
  const y0 = LOGS[interval] + exponent * Math.LN2;
  const r2 = r * r;
  let y = 0.333456765744066 * r + -0.4999997485802103;
  y = -0.25089342214237154 * r2 + y;
  return Math.fround(y * r2 + (y0 + r));
}

const PI_4_TOP = bitsOf(Math.PI / 4) >>> 20;
const TINY_TOP = bitsOf(2 ** -12) >>> 20;
const SIGNS = [1, -1, -1, 1];

/** Writes the sine and the cosine of a float32 in [0, 2π) to out[0] and out[1]. */
export function sincosf(y: number, out: Float32Array): void {
  const top = bitsOf(y) >>> 20;
  let n = 0;
  let x = y;
  let sign = 1;
  let flip = 1;
  if (top < PI_4_TOP) {
    if (top < TINY_TOP) {
      out[0] = y;
      out[1] = 1;
      return;
    }
  } else {
    n = (Math.trunc(y * 10680707.430881744) + 0x800000) >> 24;
    x = y - n * 1.5707963267948966;
    sign = SIGNS[n & 3];
    flip = n & 2 ? -1 : 1;
  }
  const x2 = x * x;
  const x4 = x2 * x2;
  const x6 = x4 * x2;
  const odd = x * sign;
  const x3 = x2 * odd;
  const x5 = x3 * x2;
  const sine = odd + x3 * -0.16666654943701084 + x5 * (0.008332178146138854 + x2 * -0.00019517298981385725);
  const c1 = flip + x2 * (flip * -0.49999999725108224);
  const c2 = flip * -0.001388676379437604 + x2 * (flip * 2.4390450703564542e-5);
  const cosine = c1 + x4 * (flip * 0.041666623324344516) + x6 * c2;
  out[n & 1] = sine;
  out[1 - (n & 1)] = cosine;
}
