import { activate } from './activate';
import { splat } from './vector';

/**
 * What comes after the products: the gates' activations and the new states, for `rows` rows. `z` are the sums, which keep
 * what went into the activations; `a` gets what came out of them. Blocks are `width` bytes, a gate's units filled up to
 * whole vectors. All strides are in bytes. The header of a cell is written by src/engine/simd/packed-cell.ts:
 */
const WIDTH: usize = 0;
const INPUT_FORGET: usize = 4;
const HAS_CLIP: usize = 8;
const PEEPHOLES: usize = 12;
const CLIP: usize = 16;
const RECURRENT: usize = 24;
const ACTIVATION: usize = 48;
const OUTPUT: usize = 72;

/** sums[k] = max(-clip, min(clip, sums[k])), where the cell has a clip. */
// @ts-ignore: decorator
@inline
function bound(cell: usize, sums: usize, bytes: usize): void {
  if (load<i32>(cell, HAS_CLIP) == 0) return;
  const clip = splat(load<f64>(cell, CLIP));
  const low = v128.neg<Real>(clip);
  for (const end = sums + bytes; sums < end; sums += 16) {
    v128.store(sums, v128.max<Real>(low, v128.min<Real>(clip, v128.load(sums))));
  }
}

/** sums[k] += a[k]·b[k] */
function addProducts(sums: usize, a: usize, b: usize, bytes: usize): void {
  for (const end = sums + bytes; sums < end; sums += 16, a += 16, b += 16) {
    v128.store(sums, v128.add<Real>(v128.load(sums), v128.mul<Real>(v128.load(a), v128.load(b))));
  }
}

/** h' = activation(z) */
export function simpleRnn(cell: usize, z: usize, zStride: usize, h: usize, hStride: usize, rows: i32): void {
  const width = load<u32>(cell, WIDTH);
  for (; rows > 0; rows--) {
    bound(cell, z, width);
    activate(cell + ACTIVATION, z, h, width);
    z += zStride;
    h += hStride;
  }
}

/**
 * z in blocks i, f, c, o; a in blocks i, f, c, o, a'(c'). c and c' may be the same place. h is o∘a'(c').
 */
export function lstm(
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
  const width = load<u32>(cell, WIDTH);
  const peepholes = load<u32>(cell, PEEPHOLES);
  const inputForget = load<i32>(cell, INPUT_FORGET);
  for (; rows > 0; rows--) {
    if (peepholes) {
      addProducts(z, peepholes, c, width);
      addProducts(z + width, peepholes + width, c, width);
    }
    bound(cell, z, width);
    activate(cell + RECURRENT, z, a, width);
    if (inputForget) {
      for (let u: usize = 0; u < width; u += 16) {
        v128.store(a + width + u, v128.sub<Real>(splat(1), v128.load(a + u)));
      }
    } else {
      bound(cell, z + width, width);
      activate(cell + RECURRENT, z + width, a + width, width);
    }
    bound(cell, z + 2 * width, width);
    activate(cell + ACTIVATION, z + 2 * width, a + 2 * width, width);
    for (let u: usize = 0; u < width; u += 16) {
      const kept = v128.mul<Real>(v128.load(a + width + u), v128.load(c + u));
      v128.store(nextC + u, v128.add<Real>(kept, v128.mul<Real>(v128.load(a + u), v128.load(a + 2 * width + u))));
    }
    if (peepholes) addProducts(z + 3 * width, peepholes + 2 * width, nextC, width);
    bound(cell, z + 3 * width, width);
    activate(cell + RECURRENT, z + 3 * width, a + 3 * width, width);
    activate(cell + OUTPUT, nextC, a + 4 * width, width);
    for (let u: usize = 0; u < width; u += 16) {
      v128.store(h + u, v128.mul<Real>(v128.load(a + 3 * width + u), v128.load(a + 4 * width + u)));
    }
    z += zStride;
    a += aStride;
    c += cStride;
    nextC += cStride;
    h += hStride;
  }
}

/**
 * The gates z and r: their sums are those of the inputs, in z, and of the state, in s; both in blocks z, r, hh. Where
 * `reset` is not 0, r∘h goes there.
 */
export function gruGates(
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
  const width = load<u32>(cell, WIDTH);
  for (; rows > 0; rows--) {
    for (let u: usize = 0; u < 2 * width; u += 16) {
      v128.store(z + u, v128.add<Real>(v128.load(z + u), v128.load(s + u)));
    }
    bound(cell, z, 2 * width);
    activate(cell + RECURRENT, z, a, 2 * width);
    if (reset) {
      for (let u: usize = 0; u < width; u += 16) {
        v128.store(reset + u, v128.mul<Real>(v128.load(a + width + u), v128.load(h + u)));
      }
      reset += hStride;
    }
    z += zStride;
    s += sStride;
    a += aStride;
    h += hStride;
  }
}

/** The candidate hh, to whose sum comes s, or r∘s with `resetAfter`, and h' = z∘h + (1 - z)∘hh. h' may be h. */
export function gruCandidate(
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
  const width = load<u32>(cell, WIDTH);
  for (; rows > 0; rows--) {
    const sum = z + 2 * width;
    if (resetAfter) {
      addProducts(sum, a + width, s, width);
    } else {
      for (let u: usize = 0; u < width; u += 16) {
        v128.store(sum + u, v128.add<Real>(v128.load(sum + u), v128.load(s + u)));
      }
    }
    bound(cell, sum, width);
    activate(cell + ACTIVATION, sum, a + 2 * width, width);
    for (let u: usize = 0; u < width; u += 16) {
      const update = v128.load(a + u);
      const kept = v128.mul<Real>(update, v128.load(h + u));
      const fresh = v128.mul<Real>(v128.sub<Real>(splat(1), update), v128.load(a + 2 * width + u));
      v128.store(nextH + u, v128.add<Real>(kept, fresh));
    }
    z += zStride;
    s += sStride;
    a += aStride;
    h += hStride;
    nextH += hStride;
  }
}
