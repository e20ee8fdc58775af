/**
 * sums[k] += Σ_r vector[r]·matrix[r, start + k], for as many columns of a row-major matrix as there are sums. Terms are added
 * in the order of r, one at a time, so the result does not depend on how the loop is unrolled or on what else is computed.
 */
export function addProduct(
  sums: Float64Array,
  vector: Float64Array,
  matrix: Float64Array,
  columns: number,
  start = 0,
): void {
  const rows = vector.length;
  const count = sums.length;
  let r = 0;
  // Four rows of the matrix at a time: each sum is loaded and stored once for four terms.
  for (; r + 4 <= rows; r += 4) {
    const a = vector[r];
    const b = vector[r + 1];
    const c = vector[r + 2];
    const d = vector[r + 3];
    const row0 = r * columns + start;
    const row1 = row0 + columns;
    const row2 = row1 + columns;
    const row3 = row2 + columns;
    for (let k = 0; k < count; k++) {
      let sum = sums[k];
      sum += a * matrix[row0 + k];
      sum += b * matrix[row1 + k];
      sum += c * matrix[row2 + k];
      sum += d * matrix[row3 + k];
      sums[k] = sum;
    }
  }
  for (; r < rows; r++) {
    const a = vector[r];
    const row = r * columns + start;
    for (let k = 0; k < count; k++) sums[k] += a * matrix[row + k];
  }
}
