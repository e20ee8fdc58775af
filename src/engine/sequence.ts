import type { SequenceResult } from '../domain/ports.ts';
import {
  type ChainProgram,
  type RunProgram,
  type SequenceProgram,
  sequenceCells,
  sequenceStateCount,
} from '../domain/program.ts';
import { trainingAfter } from '../domain/training.ts';
import { prepareBidirectional } from './bidirectional.ts';
import { convert } from './convert.ts';
import { type SlicedSequence, sliced } from './sliced.ts';

type PrepareRun = (program: RunProgram) => SlicedSequence;

/** A sequence program over whatever runs its cells. */
export function prepareSequence(program: SequenceProgram, prepareRun: PrepareRun): SlicedSequence {
  switch (program.kind) {
    case 'run':
      return prepareRun(program);
    case 'bidirectional':
      return prepareBidirectional(program, prepareRun);
    case 'chain':
      return prepareChain(program, prepareRun);
  }
}

/** Sequences one after another; each takes the whole output of the one before. PyTorch's num_layers. */
function prepareChain({ layers, computeDtype }: ChainProgram, prepareRun: PrepareRun): SlicedSequence {
  const prepared = layers.map((layer) => prepareSequence(layer, prepareRun));
  const below = layers.map((_, k) => layers.slice(0, k).flatMap(sequenceCells).length);
  return sliced(function* (request) {
    let result: SequenceResult = { sequences: [request.inputs], last: [], states: [] };
    const states: SequenceResult['states'][number][] = [];
    const trace = [];
    for (const [k, layer] of prepared.entries()) {
      const count = sequenceStateCount(layers[k]);
      const own = request.states.slice(states.length, states.length + count);
      const [inputs] = result.sequences;
      const training = trainingAfter(request.training, below[k]);
      result = yield* layer.slices({
        ...request,
        inputs: convert(inputs, layers[k].computeDtype),
        states: own,
        training,
      });
      states.push(...result.states);
      for (const gate of result.trace ?? []) trace.push({ ...gate, name: `layers.${k}.${gate.name}` });
    }
    const round = (arrays: SequenceResult['states']) => arrays.map((array) => convert(array, computeDtype));
    const { sequences, last } = result;
    return {
      sequences: round(sequences),
      last: round(last),
      states,
      ...(request.trace ? { trace } : {}),
    };
  });
}
