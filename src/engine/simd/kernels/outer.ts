import { LINE } from './panels';
import { madd, splatAt } from './vector';

/** Rows whose products are added up in registers before the next column: their lines of d stay in the first cache. */
const ROWS: i32 = 128;

/**
 * out[k] += Σ x[r][k]·d[r] over `rows` rows: the product of x transposed [inner, rows] with d [rows, lines of 16 float32 or 8
 * float64]. Strides are in bytes; that of x may be 0, which takes the same numbers for every row.
 */
export function outer(
  x: usize,
  xStride: usize,
  inner: i32,
  d: usize,
  dStride: usize,
  lines: i32,
  out: usize,
  outStride: usize,
  rows: i32,
): void {
  for (; rows > 0; rows -= ROWS) {
    const count = min(rows, ROWS);
    for (let line: usize = 0; line < <usize>lines * LINE; line += LINE) {
      let from = x;
      let to = out + line;
      let k = inner;
      for (; k >= 4; k -= 4) {
        outerOfFour(from, xStride, d + line, dStride, to, outStride, count);
        from += 4 * sizeof<Real>();
        to += 4 * outStride;
      }
      for (; k > 0; k--) {
        outerOfOne(from, xStride, d + line, dStride, to, count);
        from += sizeof<Real>();
        to += outStride;
      }
    }
    x += <usize>count * xStride;
    d += <usize>count * dStride;
  }
}

/** Four neighbouring columns of x with a line of d; the sums of 16 vectors in registers. */
function outerOfFour(
  x: usize,
  xStride: usize,
  d: usize,
  dStride: usize,
  out: usize,
  outStride: usize,
  rows: i32,
): void {
  const out1 = out + outStride;
  const out2 = out1 + outStride;
  const out3 = out2 + outStride;
  let a0 = v128.load(out, 0), a1 = v128.load(out, 16), a2 = v128.load(out, 32), a3 = v128.load(out, 48);
  let b0 = v128.load(out1, 0), b1 = v128.load(out1, 16), b2 = v128.load(out1, 32), b3 = v128.load(out1, 48);
  let c0 = v128.load(out2, 0), c1 = v128.load(out2, 16), c2 = v128.load(out2, 32), c3 = v128.load(out2, 48);
  let d0 = v128.load(out3, 0), d1 = v128.load(out3, 16), d2 = v128.load(out3, 32), d3 = v128.load(out3, 48);
  for (; rows > 0; rows--) {
    const w0 = v128.load(d, 0), w1 = v128.load(d, 16), w2 = v128.load(d, 32), w3 = v128.load(d, 48);
    const xk = splatAt(x);
    a0 = madd(w0, xk, a0);
    a1 = madd(w1, xk, a1);
    a2 = madd(w2, xk, a2);
    a3 = madd(w3, xk, a3);
    const yk = splatAt(x + sizeof<Real>());
    b0 = madd(w0, yk, b0);
    b1 = madd(w1, yk, b1);
    b2 = madd(w2, yk, b2);
    b3 = madd(w3, yk, b3);
    const uk = splatAt(x + 2 * sizeof<Real>());
    c0 = madd(w0, uk, c0);
    c1 = madd(w1, uk, c1);
    c2 = madd(w2, uk, c2);
    c3 = madd(w3, uk, c3);
    const vk = splatAt(x + 3 * sizeof<Real>());
    d0 = madd(w0, vk, d0);
    d1 = madd(w1, vk, d1);
    d2 = madd(w2, vk, d2);
    d3 = madd(w3, vk, d3);
    x += xStride;
    d += dStride;
  }
  v128.store(out, a0, 0);
  v128.store(out, a1, 16);
  v128.store(out, a2, 32);
  v128.store(out, a3, 48);
  v128.store(out1, b0, 0);
  v128.store(out1, b1, 16);
  v128.store(out1, b2, 32);
  v128.store(out1, b3, 48);
  v128.store(out2, c0, 0);
  v128.store(out2, c1, 16);
  v128.store(out2, c2, 32);
  v128.store(out2, c3, 48);
  v128.store(out3, d0, 0);
  v128.store(out3, d1, 16);
  v128.store(out3, d2, 32);
  v128.store(out3, d3, 48);
}

/** One column of x with a line of d. */
function outerOfOne(x: usize, xStride: usize, d: usize, dStride: usize, out: usize, rows: i32): void {
  let a0 = v128.load(out, 0), a1 = v128.load(out, 16), a2 = v128.load(out, 32), a3 = v128.load(out, 48);
  for (; rows > 0; rows--) {
    const xk = splatAt(x);
    a0 = madd(v128.load(d, 0), xk, a0);
    a1 = madd(v128.load(d, 16), xk, a1);
    a2 = madd(v128.load(d, 32), xk, a2);
    a3 = madd(v128.load(d, 48), xk, a3);
    x += xStride;
    d += dStride;
  }
  v128.store(out, a0, 0);
  v128.store(out, a1, 16);
  v128.store(out, a2, 32);
  v128.store(out, a3, 48);
}
