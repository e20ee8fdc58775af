import type { GradientRequest, GradientResult } from '../../src/domain/ports.ts';
import {
  type ActivationSpec,
  type CellProgram,
  type RunProgram,
  type SequenceProgram,
  type StepProgram,
  sequenceCells,
} from '../../src/domain/program.ts';
import type { Dtype, FloatArray } from '../../src/domain/tensor.ts';
import { prepareGradients } from '../../src/engine/gradients/gradients.ts';
import { referenceEngine } from '../../src/engine/reference.ts';
import { type GoldenTensor, kerasActivation, numbers } from '../cells/golden-data.ts';

/** A cell or layer of the golden files, with the weights it had. */
export interface GoldenCell {
  readonly class_name: string;
  readonly config: Readonly<Record<string, unknown>>;
  readonly weights: Readonly<Record<string, GoldenTensor>>;
}

/** The program of a Keras cell, or of the cell of a layer. */
export function goldenProgram({ class_name: className, config, weights }: GoldenCell, dtype: Dtype): CellProgram {
  const array = (name: string): FloatArray | undefined => {
    if (!weights[name]) return undefined;
    const values = numbers(weights[name].data);
    return dtype === 'float64' ? values : Float32Array.from(values);
  };
  const units = Number(config.units);
  const [kernel, bias] = [array('kernel')!, array('bias')];
  const activation = goldenActivation(config.activation ?? 'tanh');
  const base = {
    features: weights.kernel.shape[0],
    units,
    computeDtype: dtype,
    kernel,
    recurrentKernel: array('recurrent_kernel')!,
    activation,
    dropout: { inputs: Number(config.dropout ?? 0), recurrent: Number(config.recurrent_dropout ?? 0) },
  };
  if (className.startsWith('SimpleRNN')) return { kind: 'simple_rnn', ...base, bias };
  const recurrentActivation = goldenActivation(config.recurrent_activation ?? 'sigmoid');
  if (className.startsWith('LSTM'))
    return { kind: 'lstm', ...base, bias, recurrentActivation, outputActivation: activation };
  const gru = { kind: 'gru', ...base, recurrentActivation } as const;
  if (config.reset_after === false) return { ...gru, resetAfter: false, bias };
  return { ...gru, resetAfter: true, bias: bias?.slice(0, 3 * units), recurrentBias: bias?.slice(3 * units) };
}

function goldenActivation(name: unknown): ActivationSpec {
  return kerasActivation(String(name));
}

/** A run of a cell, forwards unless said otherwise. */
export function runOf(cell: StepProgram, goBackwards = false): RunProgram {
  return { kind: 'run', computeDtype: cell.computeDtype, cell, goBackwards };
}

/** Σ outputs·cotangents, by the reference engine. */
export function lossOf(program: SequenceProgram, request: GradientRequest): number {
  return lossTerms(program, request).reduce((sum, term) => sum + term, 0);
}

function lossTerms(program: SequenceProgram, request: GradientRequest): number[] {
  const { sequences, last } = referenceEngine.prepareSequence(program).run(request);
  const outputs = request.returnSequences ? sequences : last;
  return outputs.flatMap((output, n) => Array.from(output, (value, i) => value * request.cotangents[n][i]));
}

/** Whether no gate comes near overflow, as exponentials of exponentials do: 0·Infinity on the way back is NaN. */
export function isTame(program: SequenceProgram, request: GradientRequest): boolean {
  const { trace = [] } = referenceEngine.prepareSequence(program).run({ ...request, trace: true });
  const tame = (value: number) => Math.abs(value) < 1000;
  return trace.every(({ before, after }) => before.every(tame) && after.every(tame));
}

/** What a loss depends on, and the gradient with respect to it: pairs of arrays, each with a name. */
export function pairs(
  cells: readonly CellProgram[],
  request: GradientRequest,
  result: GradientResult,
): { name: string; values: FloatArray; gradient: FloatArray }[] {
  const found = [{ name: 'inputs', values: request.inputs, gradient: result.inputs }];
  for (const [k, state] of request.states.entries())
    found.push({ name: `states.${k}`, values: state, gradient: result.states[k] });
  for (const [k, cell] of cells.entries()) {
    for (const [name, gradient] of Object.entries(result.cells[k]))
      found.push({
        name: `cells.${k}.${name}`,
        values: cell[name as keyof CellProgram] as unknown as FloatArray,
        gradient,
      });
  }
  return found;
}

const STEP = 1e-6;
/** How many units in the last place of its terms' sum a loss may be off by rounding. */
const ROUNDING = 32 * Number.EPSILON;

/**
 * Compares every gradient with what the loss does when the value moves a little to either side, by the reference engine.
 * At a kink any slope between those of its two sides will do. @throws {Error} with the first that is elsewhere.
 */
export function expectFiniteDifferences(program: SequenceProgram, request: GradientRequest): void {
  const terms = lossTerms(program, request);
  const loss = terms.reduce((sum, term) => sum + term, 0);
  const noise = (ROUNDING * terms.reduce((sum, term) => sum + Math.abs(term), 0)) / STEP;
  const result = prepareGradients(program).run(request);
  for (const { name, values, gradient } of pairs(sequenceCells(program), request, result)) {
    if (gradient.length !== values.length) throw new Error(`${name} has ${gradient.length} gradients`);
    for (const [i, value] of values.entries()) {
      const at = (moved: number) => {
        values[i] = moved;
        const moment = lossOf(program, request);
        values[i] = value;
        return moment;
      };
      const left = (loss - at(value - STEP)) / STEP;
      const right = (at(value + STEP) - loss) / STEP;
      const slack = Math.abs(right - left) + 1e-6 * (1 + Math.abs(left)) + noise;
      if (!Number.isFinite(slack) || slack > 1e3) continue;
      const [low, high] = [Math.min(left, right) - slack, Math.max(left, right) + slack];
      if (!(gradient[i] >= low && gradient[i] <= high))
        throw new Error(`${name}[${i}]: ${gradient[i]} is not between ${left} and ${right}`);
    }
  }
}
