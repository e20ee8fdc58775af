/**
 * Makes the columns of a tall matrix orthonormal: the Q of its QR decomposition by Householder reflections, with the
 * signs that make R's diagonal positive. columns[k] is a column of `rows` ≥ columns.length entries; all are replaced.
 * Golub & Van Loan, Matrix Computations, 5.2.
 */
export function orthonormalize(columns: readonly Float64Array[], rows: number): void {
  const signs = columns.map((column, k) => {
    // The reflection that maps the rest of this column onto ∓|rest|·e_k; its vector v replaces the rest.
    let sum = 0;
    for (let i = k; i < rows; i++) sum += column[i] * column[i];
    const norm = Math.sqrt(sum);
    const diagonal = column[k] > 0 ? -norm : norm;
    column[k] -= diagonal;
    let square = 0;
    for (let i = k; i < rows; i++) square += column[i] * column[i];
    const scale = square === 0 ? 0 : Math.SQRT2 / Math.sqrt(square);
    for (let i = k; i < rows; i++) column[i] *= scale;
    for (let j = k + 1; j < columns.length; j++) reflect(column, columns[j], k, rows);
    return Math.sign(diagonal);
  });
  // Q = H0·H1·…·Hn-1 applied to the first columns of the identity, the last reflection first.
  const reflections = columns.map((column) => column.slice());
  for (let j = 0; j < columns.length; j++) {
    columns[j].fill(0);
    columns[j][j] = signs[j];
    for (let k = j; k >= 0; k--) reflect(reflections[k], columns[j], k, rows);
  }
}

/** column -= v·(v·column) on the entries from `start`, where |v|² = 2. */
function reflect(v: Float64Array, column: Float64Array, start: number, rows: number): void {
  let dot = 0;
  for (let i = start; i < rows; i++) dot += v[i] * column[i];
  for (let i = start; i < rows; i++) column[i] -= dot * v[i];
}
