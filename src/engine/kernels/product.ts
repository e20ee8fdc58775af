import { madd } from './vector';

/**
 * Products with a packed matrix: panels of 16 rows, one panel after another, each [inner][16], so that one cache line holds
 * what 16 sums take from one entry of x. Every sum adds its terms in the order of k, one at a time, whatever the number of
 * rows: a row's bits are the same alone and in a batch. Eight accumulators are what V8 keeps in registers.
 */
const LINE: usize = 64;

/**
 * out[r] = init[r] + matrix·x[r] for `rows` rows. Strides are in bytes; those of init may be 0, which gives all rows the
 * same start. out may be init. `panels` · 16 sums a row.
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
  if (rows == 1) {
    productOfRow(matrix, size, panels, x, init, out);
    return;
  }
  for (let p = 0; p < panels; p++) {
    let xr = x;
    let initR = init;
    let outR = out;
    let r = rows;
    for (; r >= 2; r -= 2) {
      panelOfTwoRows(matrix, size, xr, xStride, initR, initStride, outR, outStride);
      xr += 2 * xStride;
      initR += 2 * initStride;
      outR += 2 * outStride;
    }
    if (r > 0) panelOfRow(matrix, size, xr, initR, outR);
    matrix += size;
    init += LINE;
    out += LINE;
  }
}

function productOfRow(matrix: usize, size: usize, panels: i32, x: usize, init: usize, out: usize): void {
  let p = 0;
  for (; p + 2 <= panels; p += 2) {
    let a = matrix;
    let b = matrix + size;
    const end = b;
    let xk = x;
    let a0 = v128.load(init, 0), a1 = v128.load(init, 16), a2 = v128.load(init, 32), a3 = v128.load(init, 48);
    let b0 = v128.load(init, 64), b1 = v128.load(init, 80), b2 = v128.load(init, 96), b3 = v128.load(init, 112);
    while (a < end) {
      const value = v128.load32_splat(xk);
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
      xk += 4;
    }
    v128.store(out, a0, 0);
    v128.store(out, a1, 16);
    v128.store(out, a2, 32);
    v128.store(out, a3, 48);
    v128.store(out, b0, 64);
    v128.store(out, b1, 80);
    v128.store(out, b2, 96);
    v128.store(out, b3, 112);
    matrix = b;
    init += 2 * LINE;
    out += 2 * LINE;
  }
  if (p < panels) panelOfRow(matrix, size, x, init, out);
}

function panelOfRow(panel: usize, size: usize, x: usize, init: usize, out: usize): void {
  let a0 = v128.load(init, 0), a1 = v128.load(init, 16), a2 = v128.load(init, 32), a3 = v128.load(init, 48);
  const end = panel + size;
  while (panel < end) {
    const value = v128.load32_splat(x);
    a0 = madd(v128.load(panel, 0), value, a0);
    a1 = madd(v128.load(panel, 16), value, a1);
    a2 = madd(v128.load(panel, 32), value, a2);
    a3 = madd(v128.load(panel, 48), value, a3);
    panel += LINE;
    x += 4;
  }
  v128.store(out, a0, 0);
  v128.store(out, a1, 16);
  v128.store(out, a2, 32);
  v128.store(out, a3, 48);
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
  let y = x + xStride;
  let a0 = v128.load(init, 0), a1 = v128.load(init, 16), a2 = v128.load(init, 32), a3 = v128.load(init, 48);
  init += initStride;
  let b0 = v128.load(init, 0), b1 = v128.load(init, 16), b2 = v128.load(init, 32), b3 = v128.load(init, 48);
  const end = panel + size;
  while (panel < end) {
    const w0 = v128.load(panel, 0), w1 = v128.load(panel, 16), w2 = v128.load(panel, 32), w3 = v128.load(panel, 48);
    const xk = v128.load32_splat(x);
    a0 = madd(w0, xk, a0);
    a1 = madd(w1, xk, a1);
    a2 = madd(w2, xk, a2);
    a3 = madd(w3, xk, a3);
    const yk = v128.load32_splat(y);
    b0 = madd(w0, yk, b0);
    b1 = madd(w1, yk, b1);
    b2 = madd(w2, yk, b2);
    b3 = madd(w3, yk, b3);
    panel += LINE;
    x += 4;
    y += 4;
  }
  v128.store(out, a0, 0);
  v128.store(out, a1, 16);
  v128.store(out, a2, 32);
  v128.store(out, a3, 48);
  out += outStride;
  v128.store(out, b0, 0);
  v128.store(out, b1, 16);
  v128.store(out, b2, 32);
  v128.store(out, b3, 48);
}
