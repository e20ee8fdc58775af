import type { AnyLayer } from '../domain/layers.ts';
import type { Runnable, Steppable } from '../domain/network.ts';
import type { GradientRequest, GradientResult, Precision, PreparedCell, PreparedSequence } from '../domain/ports.ts';
import type { CellProgram, RunProgram, SequenceProgram, StepProgram } from '../domain/program.ts';
import { prepareGradients } from './gradients/gradients.ts';
import { prepareNetworkGradients } from './gradients/network-gradients.ts';
import { prepareLayerRun } from './layer-run.ts';
import { type PreparedLayer, prepareFormula } from './networks/layer.ts';
import { inSlices } from './networks/layer-slices.ts';
import { prepareNetwork } from './networks/network.ts';
import { inPieces } from './pieces.ts';
import { prepareStepwiseRun } from './run.ts';
import { prepareSequence } from './sequence.ts';
import type { KernelThread } from './simd/kernel-cell.ts';
import type { Sliced, SlicedSequence } from './sliced.ts';
import { prepareStack } from './stack.ts';
import { trainedPart } from './training/parts.ts';
import { type PreparedTraining, prepareTraining } from './training/train.ts';
import { layerNanoseconds, sequenceNanoseconds } from './work.ts';

/** A way to compute, at once and on the thread that calls it. */
export interface Engine {
  /**
   * Gets large weights ready in small pieces, between which the event loop has its turns: else the first call does it in
   * one. Undefined where there is nothing to do.
   */
  ready?(parts: readonly (CellProgram | AnyLayer)[]): Promise<void> | undefined;
  prepare(program: Steppable): PreparedCell;
  prepareSequence(program: Runnable): SlicedSequence;
  prepareGradients(program: Runnable): Sliced<GradientRequest, GradientResult>;
  prepareTraining(program: Runnable): PreparedTraining;
}

/** What an engine may bring of its own; it leaves out (undefined) what it can't compute. */
export interface EngineParts {
  /** What its kernels are for, to tell what work takes. Left out where it has none. */
  readonly precision?: Precision;
  /** Another way to run a cell over time, with the same results. */
  readonly prepareRun?: (program: RunProgram) => PreparedSequence | undefined;
  readonly prepareLayer?: (layer: AnyLayer) => PreparedLayer | undefined;
  /** Whose kernels train, where they can; else training is done by gradients in float64. */
  readonly thread?: KernelThread;
}

/**
 * An engine from its way to step one cell: stacks, sequences and networks are the same for every engine.
 */
export function createEngine(
  prepareCell: (program: CellProgram) => PreparedCell,
  { precision, prepareRun, prepareLayer, thread }: EngineParts = {},
): Engine {
  const prepareStep = (program: StepProgram): PreparedCell =>
    program.kind === 'stack' ? prepareStack(program, prepareStep) : prepareCell(program);
  const runCell = (program: RunProgram) =>
    inPieces(
      program,
      prepareRun?.(program) ?? prepareStepwiseRun(program, prepareStep),
      sequenceNanoseconds(program, precision),
    );
  const run = (program: RunProgram) => prepareLayerRun(program, runCell);
  const parts = {
    prepareStep,
    prepareSequence: (program: SequenceProgram) => prepareSequence(program, run),
    prepareLayer: (layer: AnyLayer) =>
      inSlices(layer, prepareLayer?.(layer) ?? prepareFormula(layer), layerNanoseconds(layer, precision)),
  };
  const exact = {
    prepareSequence: (program: Runnable) =>
      program.kind === 'network' ? prepareNetwork(program, parts) : parts.prepareSequence(program),
    prepareGradients: (program: Runnable) =>
      program.kind === 'network' ? prepareNetworkGradients(program) : prepareGradients(program),
  };
  return {
    prepare: (program) => (program.kind === 'network' ? prepareNetwork(program, parts) : prepareStep(program)),
    ...exact,
    prepareTraining: (program) => prepareTraining(thread?.memory, trainedPart({ thread, exact }, program)),
  };
}
