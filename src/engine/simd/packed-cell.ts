import { type CellProgram, GATES, stepWidth } from '../../domain/program.ts';
import type { Dtype, FloatArray } from '../../domain/tensor.ts';
import { type KernelActivation, kernelActivation } from './kernel-activations.ts';
import { packPanels } from './pack-panels.ts';

/** Bytes of a cache line, which a row of a packed panel fills. */
export const LINE = 64;

/** A packed matrix: kernels/product.ts. Offsets are from the address of the cell's block. */
interface PackedMatrix {
  readonly offset: number;
  readonly inner: number;
  readonly panels: number;
}

/**
 * How a cell's weights lie in memory: one block, whose offsets are here. Plain data, so that with the block's address it
 * tells another thread all that it needs. The columns of each gate are filled up to a multiple of 4 with zeros, and those of
 * all gates together to whole panels. All sizes are in bytes.
 */
export interface PackedCell {
  readonly kind: CellProgram['kind'];
  readonly arithmetic: 'float32' | 'float64';
  readonly computeDtype: Dtype;
  readonly features: number;
  readonly units: number;
  /** Of h, in numbers: units, or the projection's size. */
  readonly stateWidth: number;
  readonly resetAfter: boolean;
  /** A gate's units. */
  readonly width: number;
  /** All gates' sums of one row. */
  readonly sums: number;
  /** One gate's sums where they have a product of their own. */
  readonly gateSums: number;
  /** One row of h. */
  readonly hStride: number;
  readonly kernel: PackedMatrix;
  /** All gates; of a GRU that resets before the product z and r. */
  readonly recurrent: PackedMatrix;
  /** Of hh, where a GRU resets before the product. */
  readonly candidate?: PackedMatrix;
  readonly projection?: PackedMatrix;
  readonly bias: number;
  readonly recurrentBias: number;
  readonly zeros: number;
  readonly bytes: number;
}

/** Offsets in the header: kernels/cells.ts. */
const HEADER = { width: 0, inputForget: 4, hasClip: 8, peepholes: 12, clip: 16, activations: 24, bytes: 128 } as const;
const SPEC_BYTES = 24;

/** How the block of a program is laid out. */
export function layoutOf(program: CellProgram, arithmetic: PackedCell['arithmetic']): PackedCell {
  const { kind, features, units, computeDtype } = program;
  const element = arithmetic === 'float32' ? 4 : 8;
  const gates = GATES[kind].length;
  const stateWidth = stepWidth(program);
  const width = padUnits(units) * element;
  const lineUp = (bytes: number) => Math.ceil(bytes / LINE) * LINE;
  const sums = lineUp(gates * width);
  const resetBefore = kind === 'gru' && !program.resetAfter;

  let end: number = HEADER.bytes;
  const take = (bytes: number) => {
    const offset = end;
    end += lineUp(bytes);
    return offset;
  };
  const matrix = (inner: number, columnBytes: number): PackedMatrix => {
    const panels = Math.ceil(columnBytes / LINE);
    return { offset: take(inner * panels * LINE), inner, panels };
  };
  // A product of the last gate alone starts within the bias, and may read a panel beyond its end.
  const [bias, recurrentBias, zeros] = [take(sums + LINE), take(sums + LINE), take(stateWidth * element)];
  take(kind === 'lstm' && program.peepholes ? 3 * width : 0);
  return {
    kind,
    arithmetic,
    computeDtype,
    features,
    units,
    stateWidth,
    resetAfter: kind === 'gru' && program.resetAfter,
    width,
    sums,
    gateSums: lineUp(width),
    hStride: lineUp(stateWidth * element),
    bias,
    recurrentBias,
    zeros,
    kernel: matrix(features, gates * width),
    recurrent: matrix(stateWidth, resetBefore ? 2 * width : gates * width),
    ...(resetBefore ? { candidate: matrix(units, width) } : {}),
    ...(kind === 'lstm' && program.projection ? { projection: matrix(units, stateWidth * element) } : {}),
    bytes: end,
  };
}

/** Writes the block of a program at an address that has room for it, in slices: packPanels. */
export function* writeBlock(
  program: CellProgram,
  cell: PackedCell,
  address: number,
  memory: WebAssembly.Memory,
): Generator<void, void> {
  const { kind, units } = program;
  const gates = GATES[kind].length;
  const numbers = (offset: number, bytes: number): FloatArray =>
    cell.arithmetic === 'float32'
      ? new Float32Array(memory.buffer, address + offset, bytes / 4)
      : new Float64Array(memory.buffer, address + offset, bytes / 8);
  new Uint8Array(memory.buffer, address, cell.kernel.offset).fill(0);
  writeHeader(program, cell, address, memory);

  const lanes = cell.arithmetic === 'float32' ? 16 : 8;
  const pack = (matrix: PackedMatrix, values: FloatArray, columns: number, sources: Int32Array) => {
    const out = numbers(matrix.offset, matrix.inner * matrix.panels * LINE);
    return packPanels(out, { values, inner: matrix.inner, columns, sources, lanes });
  };
  const all = gateColumns(units, 0, gates);
  const columns = gates * units;
  yield* pack(cell.kernel, program.kernel, columns, all);
  yield* pack(cell.recurrent, program.recurrentKernel, columns, cell.candidate ? gateColumns(units, 0, 2) : all);
  if (cell.candidate) yield* pack(cell.candidate, program.recurrentKernel, columns, gateColumns(units, 2, 1));
  const { bias } = program;
  if (bias) place(numbers(cell.bias, cell.sums), bias, all);
  if (kind === 'gru' && program.recurrentBias) {
    place(numbers(cell.recurrentBias, cell.sums), program.recurrentBias, all);
  }
  if (kind !== 'lstm') return;
  const { peepholes, projection } = program;
  if (peepholes) place(numbers(peepholeOffset(cell), 3 * cell.width), peepholes, gateColumns(units, 0, 3));
  if (cell.projection && projection) {
    yield* pack(
      cell.projection,
      projection,
      cell.stateWidth,
      Int32Array.from({ length: cell.stateWidth }, (_, k) => k),
    );
  }
}

function writeHeader(program: CellProgram, cell: PackedCell, address: number, memory: WebAssembly.Memory): void {
  const header = new DataView(memory.buffer, address, HEADER.bytes);
  header.setUint32(HEADER.width, cell.width, true);
  if (program.clip !== undefined) {
    header.setInt32(HEADER.hasClip, 1, true);
    header.setFloat64(HEADER.clip, program.clip, true);
  }
  const gate = program.kind === 'simple_rnn' ? program.activation : program.recurrentActivation;
  const output = program.kind === 'lstm' ? program.outputActivation : program.activation;
  for (const [k, spec] of [gate, program.activation, output].entries()) {
    const { code, alpha, beta } = kernelActivation(spec) as KernelActivation;
    const at = HEADER.activations + k * SPEC_BYTES;
    header.setInt32(at, code, true);
    header.setFloat64(at + 8, alpha, true);
    header.setFloat64(at + 16, beta, true);
  }
  if (program.kind !== 'lstm') return;
  if (program.inputForget) header.setInt32(HEADER.inputForget, 1, true);
  if (program.peepholes) header.setUint32(HEADER.peepholes, address + peepholeOffset(cell), true);
}

/** The peepholes come after the zeros, up to the first matrix. */
function peepholeOffset({ kernel, width }: PackedCell): number {
  return kernel.offset - Math.ceil((3 * width) / LINE) * LINE;
}

function padUnits(units: number): number {
  return Math.ceil(units / 4) * 4;
}

/** For each packed column of some gates the column of the program's array; -1 for what is filled up. */
function gateColumns(units: number, first: number, count: number): Int32Array {
  const padded = padUnits(units);
  return Int32Array.from({ length: count * padded }, (_, column) => {
    const unit = column % padded;
    return unit < units ? (first + Math.floor(column / padded)) * units + unit : -1;
  });
}

function place(out: FloatArray, values: FloatArray, sources: Int32Array): void {
  for (let k = 0; k < sources.length; k++) out[k] = sources[k] < 0 ? 0 : values[sources[k]];
}
