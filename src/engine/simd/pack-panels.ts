import type { FloatArray } from '../../domain/tensor.ts';

/** Rows of one panel that are packed before the next panel's: few enough to stay in the cache with all their columns. */
export const ROWS = 16;
/** Numbers of a slice: about a millisecond, most of it for memory that is touched for the first time. */
export const SLICE = 2 ** 17;

/** What is packed: values [inner, columns], for each packed column its source, -1 for one of zeros. */
export interface UnpackedMatrix {
  readonly values: FloatArray;
  readonly inner: number;
  readonly columns: number;
  readonly sources: Int32Array;
  /** Columns of a panel. */
  readonly lanes: number;
}

/** values [inner, columns] → out [panel][inner][lanes]. Yields after each slice, so that others get their turn. */
export function* packPanels(out: FloatArray, matrix: UnpackedMatrix): Generator<void, void> {
  const { inner, lanes } = matrix;
  const panels = inner > 0 ? out.length / (inner * lanes) : 0;
  let packed = 0;
  for (let row = 0; row < inner; row += ROWS) {
    const rows = Math.min(ROWS, inner - row);
    for (let panel = 0; panel < panels; panel++) {
      packRows(out, matrix, panel, row, rows);
      packed += rows * lanes;
      if (packed < SLICE) continue;
      packed = 0;
      yield;
    }
  }
}

/** Some rows of one panel. */
function packRows(out: FloatArray, matrix: UnpackedMatrix, panel: number, row: number, rows: number): void {
  const { values, inner, columns, sources, lanes } = matrix;
  const first = panel * lanes;
  const source = sources[first];
  const neighbours = source >= 0 && sources[first + lanes - 1] === source + lanes - 1;
  let at = (panel * inner + row) * lanes;
  for (let start = row * columns; start < (row + rows) * columns; start += columns, at += lanes) {
    if (neighbours) copyLanes(out, at, values, start + source, lanes);
    else {
      for (let lane = 0; lane < lanes; lane++) {
        const of = first + lane < sources.length ? sources[first + lane] : -1;
        out[at + lane] = of < 0 ? 0 : values[start + of];
      }
    }
  }
}

/** A panel's row whose columns are neighbours: what nearly all of a large matrix is. */
function copyLanes(out: FloatArray, at: number, values: FloatArray, from: number, lanes: number): void {
  for (let lane = 0; lane < lanes; lane++) out[at + lane] = values[from + lane];
}
