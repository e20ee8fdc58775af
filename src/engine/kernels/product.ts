import { madd, splatAt } from './vector';

/**
 * Products with a packed matrix: panels of 16 float32 (or 8 float64) columns, one after another, each [inner][16], so that
 * one cache line holds what the panel's sums take from one entry of x. A sum of float32 is made of partial sums over CHUNK
 * terms, which are added to it one after another; that keeps it as exact as a plain sum of few terms, and a chunk of a panel
 * in the cache. One of float64 adds all its terms one after another, as src/cells/product.ts. Neither depends on the number
 * of rows, so that a row's bits are the same alone and in a batch. Eight accumulators are what V8 keeps in registers; a loop
 * that is unrolled over k spills them. All rows take in one BLOCK of a panel before the next, so that it comes from memory once
and stays in the first cache for as long as it is needed.
 */
const LINE: usize = 64;
const CHUNK: usize = 32;
const BLOCK: usize = 8 * CHUNK * LINE;

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

/** The sum with a partial sum. */
// @ts-ignore: decorator
@inline
function join(sum: usize, offset: usize, partial: v128): v128 {
  return sizeof<Real>() == 4 ? f32x4.add(v128.load(sum + offset), partial) : partial;
}

/**
 * out[r] = init[r] + matrix·x[r] for `rows` rows. Strides are in bytes; those of init may be 0, which gives all rows the
 * same start. out may be init.
 */
export function product(
  matrix: usize,
  inner: i32,
  panels: i32,
  x: usize,
  xStride: usize,
  init: usize,
  initStride: usize,
  out: usize,
  outStride: usize,
  rows: i32,
): void {
  const size = <usize>inner * LINE;
  if (size == 0) {
    for (; rows > 0; rows--, init += initStride, out += outStride) memory.copy(out, init, <usize>panels * LINE);
    return;
  }
  let p = panels;
  if (rows == 1) {
    for (; p >= 2; p -= 2, matrix += 2 * size, init += 2 * LINE, out += 2 * LINE) {
      twoPanelsOfRow(matrix, size, x, init, out);
    }
    if (p > 0) panelOfRow(matrix, size, x, init, out);
    return;
  }
  for (; p > 0; p--, init += LINE, out += LINE) {
    const end = matrix + size;
    let xBlock = x;
    let from = init;
    let fromStride = initStride;
    while (matrix < end) {
      const bytes = min(end - matrix, BLOCK);
      blockOfRows(matrix, bytes, xBlock, xStride, from, fromStride, out, outStride, rows);
      matrix += bytes;
      xBlock += (bytes / LINE) * sizeof<Real>();
      from = out;
      fromStride = outStride;
    }
  }
}

/** out[r] = init[r] + block·x[r], of a block of one panel. */
function blockOfRows(
  block: usize,
  size: usize,
  x: usize,
  xStride: usize,
  init: usize,
  initStride: usize,
  out: usize,
  outStride: usize,
  rows: i32,
): void {
  let r = rows;
  for (; r >= 2; r -= 2) {
    panelOfTwoRows(block, size, x, xStride, init, initStride, out, outStride);
    x += 2 * xStride;
    init += 2 * initStride;
    out += 2 * outStride;
  }
  if (r > 0) panelOfRow(block, size, x, init, out);
}

function twoPanelsOfRow(a: usize, size: usize, x: usize, init: usize, out: usize): void {
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
    a0 = join(sum, 0, a0);
    a1 = join(sum, 16, a1);
    a2 = join(sum, 32, a2);
    a3 = join(sum, 48, a3);
    b0 = join(sum, 64, b0);
    b1 = join(sum, 80, b1);
    b2 = join(sum, 96, b2);
    b3 = join(sum, 112, b3);
    v128.store(out, a0, 0);
    v128.store(out, a1, 16);
    v128.store(out, a2, 32);
    v128.store(out, a3, 48);
    v128.store(out, b0, 64);
    v128.store(out, b1, 80);
    v128.store(out, b2, 96);
    v128.store(out, b3, 112);
    sum = out;
  }
}

function panelOfRow(panel: usize, size: usize, x: usize, init: usize, out: usize): void {
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
    a0 = join(sum, 0, a0);
    a1 = join(sum, 16, a1);
    a2 = join(sum, 32, a2);
    a3 = join(sum, 48, a3);
    v128.store(out, a0, 0);
    v128.store(out, a1, 16);
    v128.store(out, a2, 32);
    v128.store(out, a3, 48);
    sum = out;
  }
}

function panelOfTwoRows(
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
    a0 = join(a, 0, a0);
    a1 = join(a, 16, a1);
    a2 = join(a, 32, a2);
    a3 = join(a, 48, a3);
    b0 = join(b, 0, b0);
    b1 = join(b, 16, b1);
    b2 = join(b, 32, b2);
    b3 = join(b, 48, b3);
    v128.store(out, a0, 0);
    v128.store(out, a1, 16);
    v128.store(out, a2, 32);
    v128.store(out, a3, 48);
    v128.store(second, b0, 0);
    v128.store(second, b1, 16);
    v128.store(second, b2, 32);
    v128.store(second, b3, 48);
    a = out;
    b = second;
  }
}
