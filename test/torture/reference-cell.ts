import { referenceEngine } from '../../src/engine/reference.ts';
import { featuresOf } from '../../src/services/cells/cell-record.ts';
import { openMemoryStore } from '../../src/store/memory.ts';
import { createReferenceServices } from './reference-services.ts';

export const FEATURES = 3;
export const UNITS = 4;

/**
 * A cell whose state depends on every input and on their order: a step lost, repeated or exchanged with another shows in
 * its bits. Computed exactly, so that its bits are those of the reference engine.
 */
export const CELL = {
  class_name: 'GRUCell',
  config: {
    units: UNITS,
    kernel_initializer: { class_name: 'GlorotUniform', config: { seed: 11 } },
    recurrent_initializer: { class_name: 'RandomUniform', config: { minval: -1, maxval: 1, seed: 12 } },
    bias_initializer: { class_name: 'RandomUniform', config: { minval: -1, maxval: 1, seed: 13 } },
  },
  precision: 'exact',
  input_shape: [null, FEATURES],
} as const;

/** inputs [features], state [units] → next state [units], which is the output too. */
export type ReferenceStep = (inputs: readonly number[], state: Float32Array) => Float32Array;

/** A step of CELL by the reference engine, with no session and no store of its own. */
export async function referenceStep(): Promise<ReferenceStep> {
  const services = createReferenceServices({
    store: openMemoryStore(),
    clock: () => 0,
    newId: (prefix) => `${prefix}_1`,
    backoff: async () => {},
  });
  const { class_name, config, precision, input_shape } = CELL;
  await services.cells.create({ framework: 'keras', class_name, config, precision, input_shape }, 'cell', {
    answer: String,
  });
  const { definition, record, weights } = await services.cells.readWeights('cell');
  if (!definition.step) throw new Error('the cell has no single step');
  const prepared = referenceEngine.prepare(definition.step(featuresOf(record), weights));
  return (inputs, state) => prepared.step(Float32Array.from(inputs), [state], 1).states[0] as Float32Array;
}

/** Little-endian bytes as a reply with `tensor_format: base64` has them. */
export function base64Of(values: Float32Array): string {
  return Buffer.from(values.buffer, values.byteOffset, values.byteLength).toString('base64');
}
