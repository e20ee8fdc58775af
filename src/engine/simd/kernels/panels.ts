import { madd, splatAt } from './vector';

/**
 * The inner loops of product.ts: a panel's columns for some rows, the sums in registers. Those of four rows are 16 vectors, or
 * 8 where V8 takes two for one (src/engine/simd/wide-simd.ts): enough that an addition need not wait for the one before, and they
 * fit. Where V8 does not they spill, at a tenth of the speed. A loop that is unrolled over k spills in any case.
 */
export const LINE: usize = 64;
export const CHUNK: usize = 32;

/** Bytes of a panel that one partial sum is made of. */
// @ts-ignore: decorator
@inline
function chunkOf(size: usize): usize {
  return sizeof<Real>() == 4 ? min(size, CHUNK * LINE) : size;
}

/** What a partial sum starts from: 0, or where all terms are one sum that sum. */
// @ts-ignore: decorator
@inline
function start(sum: usize, offset: usize): v128 {
  return sizeof<Real>() == 4 ? i64x2.splat(0) : v128.load(sum + offset);
}

/** out = sum joined with the partial sums of a line, or where all terms are one sum that. out may be sum. */
// @ts-ignore: decorator
@inline
function joinLine(sum: usize, s0: v128, s1: v128, s2: v128, s3: v128, out: usize): void {
  if (sizeof<Real>() == 4) {
    s0 = f32x4.add(v128.load(sum, 0), s0);
    s1 = f32x4.add(v128.load(sum, 16), s1);
    s2 = f32x4.add(v128.load(sum, 32), s2);
    s3 = f32x4.add(v128.load(sum, 48), s3);
  }
  v128.store(out, s0, 0);
  v128.store(out, s1, 16);
  v128.store(out, s2, 32);
  v128.store(out, s3, 48);
}

export function twoPanelsOfRow(a: usize, size: usize, x: usize, init: usize, out: usize): void {
  const end = a + size;
  let b = end;
  let chunk = chunkOf(size);
  let sum = init;
  while (a < end) {
    const stop = min(a + chunk, end);
    let a0 = start(sum, 0), a1 = start(sum, 16), a2 = start(sum, 32), a3 = start(sum, 48);
    let b0 = start(sum, 64), b1 = start(sum, 80), b2 = start(sum, 96), b3 = start(sum, 112);
    while (a < stop) {
      const value = splatAt(x);
      a0 = madd(v128.load(a, 0), value, a0);
      a1 = madd(v128.load(a, 16), value, a1);
      a2 = madd(v128.load(a, 32), value, a2);
      a3 = madd(v128.load(a, 48), value, a3);
      b0 = madd(v128.load(b, 0), value, b0);
      b1 = madd(v128.load(b, 16), value, b1);
      b2 = madd(v128.load(b, 32), value, b2);
      b3 = madd(v128.load(b, 48), value, b3);
      a += LINE;
      b += LINE;
      x += sizeof<Real>();
    }
    joinLine(sum, a0, a1, a2, a3, out);
    joinLine(sum + LINE, b0, b1, b2, b3, out + LINE);
    sum = out;
  }
}

export function panelOfRow(panel: usize, size: usize, x: usize, init: usize, out: usize): void {
  const end = panel + size;
  let chunk = chunkOf(size);
  let sum = init;
  while (panel < end) {
    const stop = min(panel + chunk, end);
    let a0 = start(sum, 0), a1 = start(sum, 16), a2 = start(sum, 32), a3 = start(sum, 48);
    while (panel < stop) {
      const value = splatAt(x);
      a0 = madd(v128.load(panel, 0), value, a0);
      a1 = madd(v128.load(panel, 16), value, a1);
      a2 = madd(v128.load(panel, 32), value, a2);
      a3 = madd(v128.load(panel, 48), value, a3);
      panel += LINE;
      x += sizeof<Real>();
    }
    joinLine(sum, a0, a1, a2, a3, out);
    sum = out;
  }
}

export function panelOfTwoRows(
  panel: usize,
  size: usize,
  x: usize,
  xStride: usize,
  init: usize,
  initStride: usize,
  out: usize,
  outStride: usize,
): void {
  const end = panel + size;
  let chunk = chunkOf(size);
  let y = x + xStride;
  let a = init;
  let b = init + initStride;
  while (panel < end) {
    const stop = min(panel + chunk, end);
    let a0 = start(a, 0), a1 = start(a, 16), a2 = start(a, 32), a3 = start(a, 48);
    let b0 = start(b, 0), b1 = start(b, 16), b2 = start(b, 32), b3 = start(b, 48);
    while (panel < stop) {
      const w0 = v128.load(panel, 0), w1 = v128.load(panel, 16), w2 = v128.load(panel, 32), w3 = v128.load(panel, 48);
      const xk = splatAt(x);
      a0 = madd(w0, xk, a0);
      a1 = madd(w1, xk, a1);
      a2 = madd(w2, xk, a2);
      a3 = madd(w3, xk, a3);
      const yk = splatAt(y);
      b0 = madd(w0, yk, b0);
      b1 = madd(w1, yk, b1);
      b2 = madd(w2, yk, b2);
      b3 = madd(w3, yk, b3);
      panel += LINE;
      x += sizeof<Real>();
      y += sizeof<Real>();
    }
    const second = out + outStride;
    joinLine(a, a0, a1, a2, a3, out);
    joinLine(b, b0, b1, b2, b3, second);
    a = out;
    b = second;
  }
}

/** The rows of x interleaved: [inner][4]. */
export function panelOfFourRows(
  panel: usize,
  size: usize,
  fours: usize,
  init: usize,
  initStride: usize,
  out: usize,
  outStride: usize,
): void {
  const end = panel + size;
  let chunk = chunkOf(size);
  let a = init;
  let b = a + initStride;
  let c = b + initStride;
  let d = c + initStride;
  while (panel < end) {
    const stop = min(panel + chunk, end);
    let a0 = start(a, 0), a1 = start(a, 16), a2 = start(a, 32), a3 = start(a, 48);
    let b0 = start(b, 0), b1 = start(b, 16), b2 = start(b, 32), b3 = start(b, 48);
    let c0 = start(c, 0), c1 = start(c, 16), c2 = start(c, 32), c3 = start(c, 48);
    let d0 = start(d, 0), d1 = start(d, 16), d2 = start(d, 32), d3 = start(d, 48);
    while (panel < stop) {
      const w0 = v128.load(panel, 0), w1 = v128.load(panel, 16), w2 = v128.load(panel, 32), w3 = v128.load(panel, 48);
      const xk = splatAt(fours);
      a0 = madd(w0, xk, a0);
      a1 = madd(w1, xk, a1);
      a2 = madd(w2, xk, a2);
      a3 = madd(w3, xk, a3);
      const yk = splatAt(fours + sizeof<Real>());
      b0 = madd(w0, yk, b0);
      b1 = madd(w1, yk, b1);
      b2 = madd(w2, yk, b2);
      b3 = madd(w3, yk, b3);
      const uk = splatAt(fours + 2 * sizeof<Real>());
      c0 = madd(w0, uk, c0);
      c1 = madd(w1, uk, c1);
      c2 = madd(w2, uk, c2);
      c3 = madd(w3, uk, c3);
      const vk = splatAt(fours + 3 * sizeof<Real>());
      d0 = madd(w0, vk, d0);
      d1 = madd(w1, vk, d1);
      d2 = madd(w2, vk, d2);
      d3 = madd(w3, vk, d3);
      panel += LINE;
      fours += 4 * sizeof<Real>();
    }
    const out1 = out + outStride;
    const out2 = out1 + outStride;
    const out3 = out2 + outStride;
    joinLine(a, a0, a1, a2, a3, out);
    joinLine(b, b0, b1, b2, b3, out1);
    joinLine(c, c0, c1, c2, c3, out2);
    joinLine(d, d0, d1, d2, d3, out3);
    a = out;
    b = out1;
    c = out2;
    d = out3;
  }
}
