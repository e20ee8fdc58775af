import { activate } from './activate';
import { gruCandidate, gruGates, lstm, simpleRnn } from './cells';
import { product } from './product';

/** Each kernel for float32 and for float64. */

export function product32(
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
  product<f32>(matrix, inner, panels, x, xStride, init, initStride, out, outStride, rows);
}
export function product64(
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
  product<f64>(matrix, inner, panels, x, xStride, init, initStride, out, outStride, rows);
}
export function activate32(spec: usize, from: usize, to: usize, bytes: usize): void {
  activate<f32>(spec, from, to, bytes);
}
export function activate64(spec: usize, from: usize, to: usize, bytes: usize): void {
  activate<f64>(spec, from, to, bytes);
}
export function simpleRnn32(cell: usize, z: usize, zStride: usize, h: usize, hStride: usize, rows: i32): void {
  simpleRnn<f32>(cell, z, zStride, h, hStride, rows);
}
export function simpleRnn64(cell: usize, z: usize, zStride: usize, h: usize, hStride: usize, rows: i32): void {
  simpleRnn<f64>(cell, z, zStride, h, hStride, rows);
}
export function lstm32(
  cell: usize,
  z: usize,
  zStride: usize,
  a: usize,
  aStride: usize,
  c: usize,
  nextC: usize,
  cStride: usize,
  h: usize,
  hStride: usize,
  rows: i32,
): void {
  lstm<f32>(cell, z, zStride, a, aStride, c, nextC, cStride, h, hStride, rows);
}
export function lstm64(
  cell: usize,
  z: usize,
  zStride: usize,
  a: usize,
  aStride: usize,
  c: usize,
  nextC: usize,
  cStride: usize,
  h: usize,
  hStride: usize,
  rows: i32,
): void {
  lstm<f64>(cell, z, zStride, a, aStride, c, nextC, cStride, h, hStride, rows);
}
export function gruGates32(
  cell: usize,
  z: usize,
  s: usize,
  zStride: usize,
  sStride: usize,
  a: usize,
  aStride: usize,
  h: usize,
  hStride: usize,
  reset: usize,
  rows: i32,
): void {
  gruGates<f32>(cell, z, s, zStride, sStride, a, aStride, h, hStride, reset, rows);
}
export function gruGates64(
  cell: usize,
  z: usize,
  s: usize,
  zStride: usize,
  sStride: usize,
  a: usize,
  aStride: usize,
  h: usize,
  hStride: usize,
  reset: usize,
  rows: i32,
): void {
  gruGates<f64>(cell, z, s, zStride, sStride, a, aStride, h, hStride, reset, rows);
}
export function gruCandidate32(
  cell: usize,
  z: usize,
  s: usize,
  zStride: usize,
  sStride: usize,
  a: usize,
  aStride: usize,
  h: usize,
  nextH: usize,
  hStride: usize,
  resetAfter: i32,
  rows: i32,
): void {
  gruCandidate<f32>(cell, z, s, zStride, sStride, a, aStride, h, nextH, hStride, resetAfter, rows);
}
export function gruCandidate64(
  cell: usize,
  z: usize,
  s: usize,
  zStride: usize,
  sStride: usize,
  a: usize,
  aStride: usize,
  h: usize,
  nextH: usize,
  hStride: usize,
  resetAfter: i32,
  rows: i32,
): void {
  gruCandidate<f64>(cell, z, s, zStride, sStride, a, aStride, h, nextH, hStride, resetAfter, rows);
}

/** Rounds `bytes` of float64 to the nearest float32 values, in place. */
export function roundToFloat32(at: usize, bytes: usize): void {
  for (const end = at + bytes; at < end; at += 16) {
    v128.store(at, f64x2.promote_low_f32x4(f32x4.demote_f64x2_zero(v128.load(at))));
  }
}
