import type { AnyLayer } from '../domain/layers.ts';
import type { Runnable, Steppable } from '../domain/network.ts';
import type { PreparedCell, PreparedGradients, PreparedSequence } from '../domain/ports.ts';
import type { CellProgram, RunProgram, SequenceProgram, StepProgram } from '../domain/program.ts';
import { prepareGradients } from './gradients.ts';
import type { KernelThread } from './kernel-cell.ts';
import { type PreparedLayer, prepareFormula } from './layer.ts';
import { prepareLayerRun } from './layer-run.ts';
import { prepareNetwork } from './network.ts';
import { prepareNetworkGradients } from './network-gradients.ts';
import { prepareStepwiseRun } from './run.ts';
import { prepareSequence } from './sequence.ts';
import { prepareStack } from './stack.ts';
import { trainedPart } from './training/parts.ts';
import { type PreparedTraining, prepareTraining } from './training/train.ts';

/** A way to compute, at once and on the thread that calls it. */
export interface Engine {
  /**
   * Gets large weights ready in small pieces, between which the event loop has its turns: else the first call does it in
   * one. Undefined where there is nothing to do.
   */
  ready?(parts: readonly (CellProgram | AnyLayer)[]): Promise<void> | undefined;
  prepare(program: Steppable): PreparedCell;
  prepareSequence(program: Runnable): PreparedSequence;
  prepareGradients(program: Runnable): PreparedGradients;
  prepareTraining(program: Runnable): PreparedTraining;
}

/** What an engine may bring of its own; it leaves out (undefined) what it can't compute. */
export interface EngineParts {
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
  { prepareRun, prepareLayer, thread }: EngineParts = {},
): Engine {
  const prepareStep = (program: StepProgram): PreparedCell =>
    program.kind === 'stack' ? prepareStack(program, prepareStep) : prepareCell(program);
  const runCell = (program: RunProgram) => prepareRun?.(program) ?? prepareStepwiseRun(program, prepareStep);
  const run = (program: RunProgram) => prepareLayerRun(program, runCell);
  const parts = {
    prepareStep,
    prepareSequence: (program: SequenceProgram) => prepareSequence(program, run),
    prepareLayer: (layer: AnyLayer) => prepareLayer?.(layer) ?? prepareFormula(layer),
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
