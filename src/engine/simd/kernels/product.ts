import { CHUNK, LINE, panelOfFourRows, panelOfRow, panelOfTwoRows, twoPanelsOfRow } from './panels';

/**
 * Products with a packed matrix: panels of 16 float32 (or 8 float64) columns, one after another, each [inner][16], so that
 * one cache line holds what the panel's sums take from one entry of x. A sum of float32 is made of partial sums over CHUNK
 * terms, which are added to it one after another; that keeps it as exact as a plain sum of few terms, and a chunk of a panel
 * in the cache. One of float64 adds all its terms one after another, as src/cells/product.ts. Neither depends on the number
 * of rows, so that a row's bits are the same alone and in a batch. All rows take in one BLOCK of a panel before the next, so
 * that it comes from memory once and stays in the first cache for as long as it is needed. Rows of x that are taken four at a
 * time are interleaved before: rows whose distance is a power of 2 would drive each other out of that cache.
 */
const BLOCK: usize = 8 * CHUNK * LINE;

/**
 * out[r] = init[r] + matrix·x[r] for `rows` rows. Strides are in bytes; those of init may be 0, which gives all rows the
 * same start. out may be init. At `fours` is room for `rows` rows of `inner` numbers.
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
  fours: usize,
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
  interleaveFours(x, xStride, inner, rows, fours);
  const foursStride: usize = 4 * <usize>inner * sizeof<Real>();
  for (; p > 0; p--, init += LINE, out += LINE) {
    const end = matrix + size;
    let xBlock = x;
    let foursBlock = fours;
    let from = init;
    let fromStride = initStride;
    while (matrix < end) {
      const bytes = min(end - matrix, BLOCK);
      blockOfRows(matrix, bytes, foursBlock, foursStride, xBlock, xStride, from, fromStride, out, outStride, rows);
      matrix += bytes;
      xBlock += (bytes / LINE) * sizeof<Real>();
      foursBlock += (bytes / LINE) * 4 * sizeof<Real>();
      from = out;
      fromStride = outStride;
    }
  }
}

/** out[r] = init[r] + block·x[r], of a block of one panel. */
function blockOfRows(
  block: usize,
  size: usize,
  fours: usize,
  foursStride: usize,
  x: usize,
  xStride: usize,
  init: usize,
  initStride: usize,
  out: usize,
  outStride: usize,
  rows: i32,
): void {
  let r = rows;
  for (; r >= 4; r -= 4) {
    panelOfFourRows(block, size, fours, init, initStride, out, outStride);
    fours += foursStride;
    x += 4 * xStride;
    init += 4 * initStride;
    out += 4 * outStride;
  }
  for (; r >= 2; r -= 2) {
    panelOfTwoRows(block, size, x, xStride, init, initStride, out, outStride);
    x += 2 * xStride;
    init += 2 * initStride;
    out += 2 * outStride;
  }
  if (r > 0) panelOfRow(block, size, x, init, out);
}

/** Each four rows of x as [inner][4]. */
function interleaveFours(x: usize, xStride: usize, inner: i32, rows: i32, to: usize): void {
  for (; rows >= 4; rows -= 4, x += 4 * xStride) {
    let from = x;
    for (let k = 0; k < inner; k++, from += sizeof<Real>(), to += 4 * sizeof<Real>()) {
      store<Real>(to, load<Real>(from));
      store<Real>(to, load<Real>(from + xStride), sizeof<Real>());
      store<Real>(to, load<Real>(from + 2 * xStride), 2 * sizeof<Real>());
      store<Real>(to, load<Real>(from + 3 * xStride), 3 * sizeof<Real>());
    }
  }
}
