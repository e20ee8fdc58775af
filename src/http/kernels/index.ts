/** Number text between bytes and typed arrays; src/http/number-codec.ts is the host's side. */
import { printFloat32 } from './float32-text';

export { EXPONENTS, POWERS } from './float32-text';
export { count, FIVES, rank, readNumbers, SHAPE } from './read-numbers';

/** Where the host may write. */
export const heap: usize = __heap_base;

/**
 * Prints float32 values at `source` as nested JSON arrays at `out`; returns where the text ends. `shape` are `rank` ≥ 1
 * extents (u32), none of them 0.
 */
export function printNested(source: usize, shape: usize, rank: i32, out: usize): usize {
  const width = <i32>load<u32>(shape + ((<usize>(rank - 1)) << 2));
  let rows: i32 = 1;
  for (let axis = 0; axis < rank - 1; axis++) rows *= <i32>load<u32>(shape + ((<usize>axis) << 2));
  for (let axis = 0; axis < rank; axis++) store<u8>(out++, 0x5b);
  for (let row = 0; row < rows; row++) {
    if (row > 0) {
      let open = 1;
      let index = row;
      for (let axis = rank - 2; axis > 0; axis--) {
        const extent = <i32>load<u32>(shape + ((<usize>axis) << 2));
        if (index % extent != 0) break;
        index /= extent;
        open++;
      }
      for (let i = 0; i < open; i++) store<u8>(out++, 0x5d);
      store<u8>(out++, 0x2c);
      for (let i = 0; i < open; i++) store<u8>(out++, 0x5b);
    }
    const end = source + ((<usize>width) << 2);
    while (source < end) {
      out = printFloat32(load<u32>(source), out);
      store<u8>(out++, 0x2c);
      source += 4;
    }
    out--;
  }
  for (let axis = 0; axis < rank; axis++) store<u8>(out++, 0x5d);
  return out;
}
