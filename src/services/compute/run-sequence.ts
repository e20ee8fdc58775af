import type { SequenceOption } from '../../domain/cell-definition.ts';
import type { SequenceRequest, Training } from '../../domain/ports.ts';
import { fieldProblem } from '../../domain/problems.ts';
import { type FloatArray, formatShape, Tensor } from '../../domain/tensor.ts';
import { counted } from '../../domain/words.ts';
import type { Cell } from '../cells/cell-record.ts';
import type { CellReader } from '../cells/cells.ts';
import type { Context } from '../context.ts';
import { arrangeOutput, swapTime } from './layout.ts';
import { type Trace, traceOf } from './run-steps.ts';
import { fromCanonical, toCanonical } from './states.ts';
import { requireRoom, trainingFor } from './step-inputs.ts';

/** What a request says of a sequence; what it leaves out is as the class and its config say. */
export interface SequenceOptions {
  readonly return_sequences?: boolean;
  readonly go_backwards?: boolean;
  readonly zero_output_for_mask?: boolean;
  readonly time_major?: boolean;
  readonly trace: boolean;
  readonly training?: Training;
  /** The output of the step before the first, where there was one; [batch, width]. */
  readonly previous?: Tensor;
}

export interface Sequenced {
  /** One output; two where a bidirectional layer does not merge its directions. */
  readonly outputs: readonly Tensor[];
  /** Of the last step processed, [batch, width]. */
  readonly last: readonly Tensor[];
  readonly states: readonly Tensor[];
  readonly trace?: Trace;
}

/** What a sequence is to be run on, in canonical layouts. */
export interface SequencePlan {
  readonly batch: number;
  readonly time: number;
  readonly timeMajor: boolean;
  readonly goBackwards: boolean;
  readonly returnSequences: boolean;
  readonly request: SequenceRequest;
}

/**
 * What a request's options, the class and its config make of a sequence. inputs [batch, time, features], or time first.
 * @throws {Problem} invalid-value for an option that the class fixes, limit-exceeded
 */
export function planSequence(
  { limits }: Pick<Context, 'limits'>,
  cell: Cell,
  inputs: Tensor,
  states: readonly Tensor[],
  mask: Uint8Array | undefined,
  options: SequenceOptions,
): SequencePlan {
  const { definition } = cell;
  const { sequenceDefaults } = definition;
  refuseFixed(cell, options);
  const training = trainingFor(cell, options.training);
  const timeMajor = options.time_major ?? definition.layout.timeMajor;
  const [batch, time] = timeMajor ? [inputs.shape[1], inputs.shape[0]] : inputs.shape;
  requireRoom(limits, cell, batch, time, options.trace);
  const returnSequences = options.return_sequences ?? sequenceDefaults.returnSequences;
  const { zeroOutputForMask } = sequenceDefaults;
  return {
    batch,
    time,
    timeMajor,
    goBackwards: options.go_backwards ?? sequenceDefaults.goBackwards,
    returnSequences,
    request: {
      inputs: swapTime(inputs, timeMajor).data as FloatArray,
      batch,
      time,
      states: toCanonical(definition, states, batch),
      mask,
      zeroOutputForMask: options.zero_output_for_mask ?? zeroOutputForMask ?? returnSequences,
      previous: options.previous?.data as FloatArray | undefined,
      trace: options.trace,
      training,
    },
  };
}

/** A whole sequence, its results in the framework's own layouts. @throws {Problem} as planSequence */
export async function runSequence(
  context: Pick<Context, 'limits'>,
  cells: CellReader,
  cell: Cell,
  inputs: Tensor,
  states: readonly Tensor[],
  mask: Uint8Array | undefined,
  options: SequenceOptions,
): Promise<Sequenced> {
  const { definition } = cell;
  const { layout } = definition;
  const plan = planSequence(context, cell, inputs, states, mask, options);
  const { batch, time, timeMajor } = plan;
  const result = await cells.prepareSequence(cell, plan.goBackwards).run(plan.request);
  const { outputDtype, outputWidth, outputWidths = [outputWidth] } = definition;
  const output = (lead: readonly number[]) => (data: FloatArray, i: number) =>
    new Tensor(outputDtype, [...lead, outputWidths[i]], data);
  const last = result.last.map(output([batch]));
  const trace = result.trace && traceOf(definition, result.trace, [batch, time]);
  const arranged = Object.entries(trace ?? {}).map(([name, { before, after }]) => {
    return [name, { before: swapTime(before, timeMajor), after: swapTime(after, timeMajor) }] as const;
  });
  return {
    outputs: plan.returnSequences
      ? result.sequences.map(output([batch, time])).map((whole) => arrangeOutput(whole, timeMajor, layout))
      : last,
    last,
    states: fromCanonical(definition, result.states, batch),
    ...(trace ? { trace: Object.fromEntries(arranged) } : {}),
  };
}

function refuseFixed({ definition, record }: Cell, options: SequenceOptions): void {
  const sent = (option: SequenceOption) => options[option] !== undefined;
  const option = definition.sequenceDefaults.fixed.find(sent);
  if (option === undefined) return;
  const detail = `'${option}' is fixed by ${definition.className} and its config; leave it out for cell '${record.id}'.`;
  throw fieldProblem('invalid-value', `/${option}`, detail);
}

/** The mask of a request, [batch, time] or [batch, time, 1]; or lengths, which mask what is past them. */
export function readMask(
  mask: Tensor | undefined,
  lengths: readonly number[] | undefined,
  batch: number,
  time: number,
): Uint8Array | undefined {
  if (mask) {
    const [b, t, one = 1] = mask.shape;
    if (mask.shape.length < 2 || mask.shape.length > 3 || b !== batch || t !== time || one !== 1) {
      const detail = `'mask' has shape ${formatShape(mask.shape)}; these inputs have ${counted(batch, 'row')} of ${counted(time, 'step')}. Send [${batch},${time}].`;
      throw fieldProblem('wrong-shape', '/mask', detail);
    }
    return mask.data as Uint8Array;
  }
  if (!lengths) return undefined;
  if (lengths.length !== batch) {
    const detail = `'sequence_lengths' has ${counted(lengths.length, 'value')}; these inputs have ${counted(batch, 'row')}.`;
    throw fieldProblem('wrong-shape', '/sequence_lengths', detail);
  }
  const over = lengths.findIndex((length) => length > time);
  if (over >= 0) {
    const detail = `Length ${lengths[over]} is longer than the sequence of ${counted(time, 'step')}.`;
    throw fieldProblem('invalid-value', `/sequence_lengths/${over}`, detail);
  }
  const live = new Uint8Array(batch * time);
  lengths.forEach((length, row) => {
    live.fill(1, row * time, row * time + length);
  });
  return live;
}
