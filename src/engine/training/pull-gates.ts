import type { CellProgram, GruProgram, LstmProgram, SimpleRnnProgram } from '../../domain/program.ts';
import type { Room, Rows } from './arena.ts';
import { type GateDerivative, gateDerivative } from './gate-derivative.ts';
import type { RunRoom } from './run-room.ts';

type Matrix = Room & Rows;

/** Gradients while a run is gone back through. */
export interface RunGradients {
  /** Of the sums, [step, row]: what the inputs' weights are multiplied by. */
  readonly dz: Matrix;
  /** Of the state's products; the same as dz, but for a GRU that resets after the product. */
  readonly ds: Matrix;
  /** Of the states after a step, [row]. */
  readonly dh: Matrix;
  readonly dc: Matrix;
  /** What of dh goes to the state before without a product, [row]. */
  readonly direct: Matrix;
}

/** Goes back through the gates of step k of a row: fills its dz, ds and direct, and changes its dc to that before. */
export type PullGates = (k: number, row: number) => void;

/** The first part, and a second one where a product has to come between. */
export interface GatePulls {
  readonly first: PullGates;
  /** After `direct` has e = dq·Uhᵀ, of a GRU that resets before the product. */
  readonly second?: PullGates;
}

export function gatePulls(program: CellProgram, room: RunRoom, gradients: RunGradients, batch: number): GatePulls {
  switch (program.kind) {
    case 'simple_rnn':
      return { first: simpleRnn(program, room, gradients, batch) };
    case 'gru':
      return program.resetAfter
        ? { first: gruResetAfter(program, room, gradients, batch) }
        : gruResetBefore(program, room, gradients, batch);
    case 'lstm':
      return { first: lstm(program, room, gradients, batch) };
  }
}

/** Of float32 from the start of a row of a matrix on. */
const floats = (bytes: number) => bytes / 4;

function derivatives({ clip, ...program }: GruProgram | LstmProgram): [GateDerivative, GateDerivative] {
  return [gateDerivative(program.recurrentActivation, clip), gateDerivative(program.activation, clip)];
}

/** dp = a'(p)∘dh'. src/cells/simple-rnn-gradient.ts. */
function simpleRnn(program: SimpleRnnProgram, room: RunRoom, { dz, dh }: RunGradients, batch: number): PullGates {
  const { units } = program;
  const { z, h, cell } = room;
  const derivative = gateDerivative(program.activation, program.clip);
  const [sums, hs] = [floats(cell.sums), floats(cell.hStride)];
  return (k, row) => {
    const at = (k * batch + row) * sums;
    const next = ((k + 1) * batch + row) * hs;
    for (let u = 0; u < units; u++)
      dz.values[at + u] = dh.values[row * hs + u] * derivative(z.values[at + u], h.values[next + u]);
  };
}

/** dpz = s'(pz)∘dh'∘(h - hh), dph = a'(ph)∘dh'∘(1 - z), dq = r∘dph, dpr = s'(pr)∘dph∘q. src/cells/gru-gradient.ts. */
function gruResetAfter(program: GruProgram, room: RunRoom, gradients: RunGradients, batch: number): PullGates {
  const { units } = program;
  const { cell } = room;
  const [s, a] = derivatives(program);
  const [sums, hs, w] = [floats(cell.sums), floats(cell.hStride), floats(cell.width)];
  const [Z, A, S, H] = [room.z.values, room.a.values, room.s.values, room.h.values];
  const [dZ, dS, dH, direct] = [gradients.dz, gradients.ds, gradients.dh, gradients.direct].map(({ values }) => values);
  return (k, row) => {
    const [at, atA, atH] = [(k * batch + row) * sums, (k * batch + row) * 5 * w, (k * batch + row) * hs];
    for (let u = 0; u < units; u++) {
      const [z, r, hh] = [A[atA + u], A[atA + w + u], A[atA + 2 * w + u]];
      const d = dH[row * hs + u];
      const dph = a(Z[at + 2 * w + u], hh) * d * (1 - z);
      const dpz = s(Z[at + u], z) * d * (H[atH + u] - hh);
      const dpr = s(Z[at + w + u], r) * dph * S[at + 2 * w + u];
      dZ[at + u] = dpz;
      dZ[at + w + u] = dpr;
      dZ[at + 2 * w + u] = dph;
      dS[at + u] = dpz;
      dS[at + w + u] = dpr;
      dS[at + 2 * w + u] = r * dph;
      direct[row * hs + u] = d * z;
    }
  };
}

/** The same with dq = dph and, once there is e = dq·Uhᵀ: dpr = s'(pr)∘e∘h, and r∘e to the state before. */
function gruResetBefore(program: GruProgram, room: RunRoom, gradients: RunGradients, batch: number): GatePulls {
  const { units } = program;
  const { cell } = room;
  const [s, a] = derivatives(program);
  const [sums, hs, w] = [floats(cell.sums), floats(cell.hStride), floats(cell.width)];
  const [Z, A, H] = [room.z.values, room.a.values, room.h.values];
  const [dZ, dH, direct] = [gradients.dz, gradients.dh, gradients.direct].map(({ values }) => values);
  return {
    first: (k, row) => {
      const [at, atA, atH] = [(k * batch + row) * sums, (k * batch + row) * 5 * w, (k * batch + row) * hs];
      for (let u = 0; u < units; u++) {
        const [z, hh] = [A[atA + u], A[atA + 2 * w + u]];
        const d = dH[row * hs + u];
        dZ[at + u] = s(Z[at + u], z) * d * (H[atH + u] - hh);
        dZ[at + 2 * w + u] = a(Z[at + 2 * w + u], hh) * d * (1 - z);
      }
    },
    second: (k, row) => {
      const [at, atA, atH] = [(k * batch + row) * sums, (k * batch + row) * 5 * w, (k * batch + row) * hs];
      for (let u = 0; u < units; u++) {
        const [z, r] = [A[atA + u], A[atA + w + u]];
        const e = direct[row * hs + u];
        dZ[at + w + u] = s(Z[at + w + u], r) * e * H[atH + u];
        direct[row * hs + u] = dH[row * hs + u] * z + r * e;
      }
    },
  };
}

/**
 * dpo = s'(po)∘dh'∘a'(c'), dc' += a''(c')∘dh'∘o, dpi = s'(pi)∘dc'∘g, dpf = s'(pf)∘dc'∘c, dpc = a'(pc)∘dc'∘i, dc = dc'∘f.
 * src/cells/lstm-gradient.ts.
 */
function lstm(program: LstmProgram, room: RunRoom, gradients: RunGradients, batch: number): PullGates {
  const { units } = program;
  const { cell } = room;
  const [s, a] = derivatives(program);
  const aOut = gateDerivative(program.outputActivation);
  const [sums, hs, w] = [floats(cell.sums), floats(cell.hStride), floats(cell.width)];
  const [Z, A, C] = [room.z.values, room.a.values, room.c.values];
  const [dZ, dH, dC] = [gradients.dz, gradients.dh, gradients.dc].map(({ values }) => values);
  return (k, row) => {
    const [at, atA] = [(k * batch + row) * sums, (k * batch + row) * 5 * w];
    const [before, after] = [(k * batch + row) * w, ((k + 1) * batch + row) * w];
    for (let u = 0; u < units; u++) {
      const [i, f, g, o] = [A[atA + u], A[atA + w + u], A[atA + 2 * w + u], A[atA + 3 * w + u]];
      const outC = A[atA + 4 * w + u];
      const d = dH[row * hs + u];
      const dc = dC[row * w + u] + aOut(C[after + u], outC) * d * o;
      dZ[at + u] = s(Z[at + u], i) * dc * g;
      dZ[at + w + u] = s(Z[at + w + u], f) * dc * C[before + u];
      dZ[at + 2 * w + u] = a(Z[at + 2 * w + u], g) * dc * i;
      dZ[at + 3 * w + u] = s(Z[at + 3 * w + u], o) * d * outC;
      dC[row * w + u] = dc * f;
    }
  };
}
