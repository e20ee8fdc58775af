import { describe, expect, it } from 'vitest';
import { gruRow } from '../../../src/cells/gru.ts';
import { lstmRow } from '../../../src/cells/lstm.ts';
import { drawDropoutMasks, dropoutRows, rowMasks } from '../../../src/cells/random/dropout.ts';
import { simpleRnnRow } from '../../../src/cells/simple-rnn.ts';
import { type CellProgram, GATES } from '../../../src/domain/program.ts';
import type { Dtype } from '../../../src/domain/tensor.ts';
import { type GoldenTensor, kerasActivation, numbers, readGolden } from '../golden-data.ts';

interface CellVector {
  readonly cell: {
    class_name: string;
    config: { units: number; dropout: number; recurrent_dropout: number; seed: number };
  };
  readonly batch: number;
  readonly features: number;
  readonly input_masks: GoldenTensor[];
  readonly recurrent_masks: GoldenTensor[];
}
interface MaskVector {
  readonly dtype: Dtype;
  readonly rate: number;
  readonly seed: number;
  readonly mask: GoldenTensor;
}
const cellVectors = readGolden<{ dropout: CellVector[] }>('initializers_tf_exact.json').dropout;
const maskVectors = readGolden<{ masks: MaskVector[] }>('keras_dropout.json').masks;
const KINDS: Readonly<Record<string, CellProgram['kind']>> = {
  SimpleRNNCell: 'simple_rnn',
  GRUCell: 'gru',
  LSTMCell: 'lstm',
};

interface Options {
  readonly features?: number;
  readonly units?: number;
  readonly inputs?: number;
  readonly recurrent?: number;
  readonly computeDtype?: Dtype;
}

/** A cell whose weights are all one. */
function cell(
  kind: CellProgram['kind'],
  { features = 5, units = 3, inputs = 0, recurrent = 0, computeDtype = 'float32' }: Options,
): CellProgram {
  const columns = GATES[kind].length * units;
  const tanh = kerasActivation('tanh');
  const sigmoid = kerasActivation('sigmoid');
  const base = {
    features,
    units,
    computeDtype,
    kernel: new Float32Array(features * columns).fill(1),
    recurrentKernel: new Float32Array(units * columns).fill(1),
    activation: tanh,
    dropout: { inputs, recurrent },
  };
  if (kind === 'simple_rnn') return { kind, ...base };
  if (kind === 'gru') return { kind, ...base, recurrentActivation: sigmoid, resetAfter: true };
  return { kind, ...base, recurrentActivation: sigmoid, outputActivation: tanh };
}

describe('drawDropoutMasks', () => {
  it.each(cellVectors)(
    'draws those of $cell.class_name, gate by gate',
    ({ cell: { class_name, config }, ...vector }) => {
      const { units, dropout: inputs, recurrent_dropout: recurrent, seed } = config;
      const program = cell(KINDS[class_name], { features: vector.features, units, inputs, recurrent });
      const masks = drawDropoutMasks(program, vector.batch, seed);
      const wanted = (tensors: readonly GoldenTensor[]) =>
        tensors.map(({ data }) => [...Float32Array.from(data, Number)]);
      expect(masks.inputs.map((mask) => [...mask])).toEqual(wanted(vector.input_masks));
      expect(masks.recurrent.map((mask) => [...mask])).toEqual(wanted(vector.recurrent_masks));
    },
  );

  it.each(maskVectors)('draws the mask of Keras in $dtype at rate $rate', ({ dtype, rate, seed, mask }) => {
    const [batch, features] = mask.shape;
    const program = cell('simple_rnn', { features, inputs: rate, computeDtype: dtype });
    expect([...drawDropoutMasks(program, batch, seed).inputs[0]]).toEqual([...numbers(mask.data)]);
  });

  it.each<[CellProgram['kind'], number, number, number, number]>([
    ['simple_rnn', 0, 0, 0, 0],
    ['simple_rnn', 0.5, 0, 1, 0],
    ['simple_rnn', 0.5, 0.5, 1, 1],
    ['gru', 0.5, 0, 1, 0],
    ['gru', 0.5, 0.5, 3, 3],
    ['gru', 1, 0.5, 0, 3],
    ['gru', 0.5, 1, 3, 0],
    ['lstm', 0.5, 0, 1, 0],
    ['lstm', 0, 0.5, 0, 4],
    ['lstm', 1, 1, 0, 0],
  ])('gives a %s with rates %d and %d masks for the inputs: %d, for the state: %d', (kind, inputs, recurrent, a, b) => {
    const masks = drawDropoutMasks(cell(kind, { inputs, recurrent }), 2, 3);
    expect([masks.inputs.length, masks.recurrent.length]).toEqual([a, b]);
  });

  it('zeroes all that a SimpleRNN has at rate 1, without a draw', () => {
    const all = drawDropoutMasks(cell('simple_rnn', { inputs: 1, recurrent: 0.5 }), 2, 3);
    expect([...all.inputs[0]]).toEqual(Array(10).fill(0));
    const alone = drawDropoutMasks(cell('simple_rnn', { recurrent: 0.5 }), 2, 3);
    expect(all.recurrent).toEqual(alone.recurrent);
  });

  it('gives each row its own part', () => {
    const program = cell('gru', { inputs: 0.4, recurrent: 0.25 });
    const masks = drawDropoutMasks(program, 2, 42);
    const row = rowMasks(program, masks, 1);
    expect([...row.inputs[2]]).toEqual([...masks.inputs[2].slice(5)]);
    expect([...row.recurrent[1]]).toEqual([...masks.recurrent[1].slice(3)]);
  });
});

describe('dropoutRows', () => {
  it('gives nothing for a cell without dropout', () => {
    expect(dropoutRows(cell('gru', {}))(2, { seed: 3 })).toBeUndefined();
  });

  it('draws again for another seed or batch only', () => {
    const draw = dropoutRows(cell('lstm', { inputs: 0.4, features: 64 }));
    const first = draw(2, { seed: 3 })!;
    expect(draw(2, { seed: 3 })).toBe(first);
    expect(draw(2, { seed: 4 })![0].inputs[0]).not.toEqual(first[0].inputs[0]);
    expect(draw(3, { seed: 3 })!.length).toBe(3);
    expect(draw(2, { seed: 3 })).toEqual(first);
  });
});

describe('a row under masks', () => {
  const keep = (program: CellProgram) => {
    const ones = (width: number) => new Float64Array(width).fill(1);
    const gates = GATES[program.kind].length;
    return {
      inputs: Array.from({ length: gates }, () => ones(program.features)),
      recurrent: Array.from({ length: gates }, () => ones(program.units)),
    };
  };

  it.each(['simple_rnn', 'gru', 'lstm'] as const)('steps to the same bits as without where a %s keeps all', (kind) => {
    const program = cell(kind, {});
    const step = (masks?: ReturnType<typeof keep>) => {
      const row =
        program.kind === 'simple_rnn'
          ? simpleRnnRow(program)
          : program.kind === 'gru'
            ? gruRow(program)
            : lstmRow(program);
      row.inputs.set([0.3, -0.2, 0.1, 0.5, -0.7]);
      for (const state of row.states) state.set([0.2, -0.4, 0.1]);
      row.step(masks);
      return row.nextStates.map((state) => [...state]);
    };
    expect(step(keep(program))).toEqual(step());
  });
});
