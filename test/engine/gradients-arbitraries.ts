import fc from 'fast-check';
import { ACTIVATIONS } from '../../src/cells/activations/activations.ts';
import type { GradientRequest } from '../../src/domain/ports.ts';
import {
  type ActivationSpec,
  type BidirectionalProgram,
  type CellProgram,
  GATES,
  MERGE_MODES,
  type RunProgram,
  type SequenceProgram,
  type StepProgram,
  sequenceCells,
  stateWidths,
  stepWidth,
} from '../../src/domain/program.ts';
import { kerasActivation } from '../cells/golden-data.ts';

/** Every activation that a gate can have; those that jump have no gradient to compare where they do. */
const activation: fc.Arbitrary<ActivationSpec> = fc.constantFrom(
  ...Object.entries(ACTIVATIONS)
    .filter(([name]) => !['glu', 'threshold', 'hard_shrink', 'thresholded_relu'].includes(name))
    .map(([name, entry]) => (entry.keras ? kerasActivation(name) : { name, params: entry.parameters ?? {} })),
);

const values = (length: number, most = 1) =>
  fc
    .array(fc.integer({ min: -1000, max: 1000 }), { minLength: length, maxLength: length })
    .map((whole) => Float64Array.from(whole, (value) => (value / 1000) * most));
/** Of dropout, which takes effect where a request says training. */
const rate = fc.constantFrom(0, 0, 0.25, 0.5, 1);
const maybe = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined });

function cellOf(features: number): fc.Arbitrary<CellProgram> {
  return fc
    .record({
      kind: fc.constantFrom('simple_rnn', 'gru', 'lstm'),
      units: fc.integer({ min: 1, max: 3 }),
      projected: fc.constantFrom(0, 0, 1, 2),
    })
    .chain(({ kind, units, projected }): fc.Arbitrary<CellProgram> => {
      const columns = GATES[kind].length * units;
      const width = kind === 'lstm' && projected > 0 ? projected : units;
      const base = {
        features: fc.constant(features),
        units: fc.constant(units),
        computeDtype: fc.constant('float64' as const),
        clip: maybe(fc.constantFrom(0.2, 1)),
        kernel: values(features * columns),
        recurrentKernel: values(width * columns),
        bias: maybe(values(columns)),
        activation,
        dropout: fc.record({ inputs: rate, recurrent: rate }),
      };
      const flag = fc.boolean();
      if (kind === 'simple_rnn') return fc.record({ kind: fc.constant(kind), ...base });
      const gated = { ...base, recurrentActivation: activation };
      if (kind === 'gru')
        return fc.record({
          kind: fc.constant(kind),
          ...gated,
          resetAfter: flag,
          recurrentBias: maybe(values(columns)),
        });
      return fc.record({
        kind: fc.constant(kind),
        ...gated,
        outputActivation: activation,
        inputForget: flag,
        peepholes: maybe(values(3 * units)),
        projection: fc
          .constant(undefined)
          .chain(() => (width === units ? maybe(values(units * width)) : values(units * width))),
      });
    });
}

function stackOf(features: number): fc.Arbitrary<StepProgram> {
  return cellOf(features).chain((first) =>
    cellOf(stepWidth(first)).map((second) => {
      const cells = [first, second];
      return { kind: 'stack', computeDtype: 'float64', names: ['cells.0', 'cells.1'], cells } as const;
    }),
  );
}

function runOf(features: number): fc.Arbitrary<RunProgram> {
  const cell = fc.oneof({ weight: 3, arbitrary: cellOf(features) }, { weight: 1, arbitrary: stackOf(features) });
  return fc.record({
    kind: fc.constant('run' as const),
    computeDtype: fc.constant('float64' as const),
    cell,
    goBackwards: fc.boolean(),
    timeOrder: fc.boolean(),
  });
}

function bidirectionalOf(features: number): fc.Arbitrary<BidirectionalProgram> {
  return fc.tuple(runOf(features), runOf(features), fc.constantFrom(...MERGE_MODES, null)).map(([a, b, merge]) => {
    const fits = merge === null || merge === 'concat' || stepWidth(a.cell) === stepWidth(b.cell);
    const [forward, backward] = [a, { ...b, goBackwards: !a.goBackwards }];
    return { kind: 'bidirectional', computeDtype: 'float64', forward, backward, merge: fits ? merge : 'concat' };
  });
}

function outputWidths(program: SequenceProgram): number[] {
  if (program.kind === 'run') return [stepWidth(program.cell)];
  if (program.kind === 'chain') return outputWidths(program.layers[program.layers.length - 1]);
  const [a, b] = [stepWidth(program.forward.cell), stepWidth(program.backward.cell)];
  if (program.merge === null) return [a, b];
  return [program.merge === 'concat' ? a + b : a];
}

const single = (features: number): fc.Arbitrary<SequenceProgram> =>
  fc.oneof({ weight: 2, arbitrary: runOf(features) }, { weight: 1, arbitrary: bidirectionalOf(features) });

const sequence = (features: number): fc.Arbitrary<SequenceProgram> =>
  fc.oneof(
    { weight: 3, arbitrary: single(features) },
    {
      weight: 1,
      arbitrary: single(features).chain((first) =>
        single(outputWidths(first)[0]).chain((second) =>
          maybe(single(outputWidths(second)[0])).map((third): SequenceProgram => {
            const layers = third ? [first, second, third] : [first, second];
            return { kind: 'chain', computeDtype: 'float64', layers };
          }),
        ),
      ),
    },
  );

function statesOf(program: SequenceProgram, batch: number): fc.Arbitrary<Float64Array[]> {
  const widths = sequenceCells(program).flatMap(stateWidths);
  return fc.tuple(...widths.map((width) => values(batch * width)));
}

/** A program of any kind and a request for its gradients, in float64. */
export const gradientCall: fc.Arbitrary<{ program: SequenceProgram; request: GradientRequest }> = fc
  .record({
    features: fc.integer({ min: 1, max: 2 }),
    batch: fc.constantFrom(1, 2),
    time: fc.integer({ min: 1, max: 4 }),
  })
  .chain(({ features, batch, time }) =>
    fc.tuple(sequence(features), fc.boolean()).chain(([program, returnSequences]) => {
      const steps = returnSequences ? time : 1;
      return fc.record({
        program: fc.constant(program),
        request: fc.record({
          inputs: values(batch * time * features, 2),
          batch: fc.constant(batch),
          time: fc.constant(time),
          states: statesOf(program, batch),
          mask: maybe(
            fc
              .array(fc.constantFrom(0, 1, 1), { minLength: batch * time, maxLength: batch * time })
              .map((bits) => Uint8Array.from(bits)),
          ),
          zeroOutputForMask: fc.boolean(),
          cotangents: fc.tuple(...outputWidths(program).map((width) => values(batch * steps * width))),
          returnSequences: fc.constant(returnSequences),
        }),
      });
    }),
  );
