import fc from 'fast-check';
import { size } from './keras-layers.ts';
import { difference, draw, type Sent } from './numbers.ts';
import type { Service } from './service.ts';
import type { Peers, Suite } from './suite.ts';

/** A recurrent module of PyTorch, and a batch of sequences for it. */
export interface ModuleCase {
  readonly kind: 'RNN' | 'GRU' | 'LSTM';
  /** A cell, which takes one step. */
  readonly cell: boolean;
  readonly config: Readonly<Record<string, unknown>> & { readonly batch_first?: boolean };
  readonly features: number;
  readonly units: number;
  readonly projected: number;
  /** Layers times directions. */
  readonly stacked: number;
  readonly batch: number;
  readonly time: number;
  readonly ragged: boolean;
  readonly seed: number;
}

export const moduleCases: fc.Arbitrary<ModuleCase> = fc
  .record({
    kind: fc.constantFrom('RNN', 'GRU', 'LSTM'),
    cell: fc.boolean(),
    features: size,
    units: size,
    layers: fc.integer({ min: 1, max: 3 }),
    bidirectional: fc.boolean(),
    batchFirst: fc.boolean(),
    bias: fc.boolean(),
    relu: fc.boolean(),
    projection: fc.option(fc.integer({ min: 1, max: 8 }), { nil: 0 }),
    wide: fc.boolean(),
    batch: fc.integer({ min: 1, max: 5 }),
    time: fc.integer({ min: 1, max: 7 }),
    ragged: fc.boolean(),
    seed: fc.integer({ min: 1, max: 2 ** 30 }),
  })
  .map((drawn): ModuleCase => {
    const { kind, cell, features, units, layers, bidirectional, batchFirst, projection, batch, time, seed } = drawn;
    const projected = kind === 'LSTM' && !cell && projection < units ? projection : 0;
    const directions = bidirectional && !cell ? 2 : 1;
    const own = {
      input_size: features,
      hidden_size: units,
      bias: drawn.bias,
      dtype: drawn.wide ? 'torch.float64' : null,
    };
    const relu = kind === 'RNN' && drawn.relu ? { nonlinearity: 'relu' } : {};
    const module = { num_layers: layers, bidirectional, batch_first: batchFirst, proj_size: projected };
    const { proj_size, ...plain } = module;
    const rest = cell ? {} : kind === 'LSTM' ? { ...plain, proj_size } : plain;
    const stacked = cell ? 1 : layers * directions;
    const config = { ...own, ...relu, ...rest };
    return {
      kind,
      cell,
      config,
      features,
      units,
      projected,
      stacked,
      batch,
      time,
      ragged: drawn.ragged && !cell,
      seed,
    };
  });

export const boundOfModule = ({ config }: ModuleCase) => (config.dtype === null ? 3e-5 : 1e-10);

/** Makes the module's cell; what goes to it, and the same as a question to Python. */
export async function prepareModule(service: Service, one: ModuleCase) {
  const { kind, cell, config, features, units, projected, stacked, batch, time, seed } = one;
  const class_name = cell ? `${kind}Cell` : kind;
  const made = await service.make({ framework: 'pytorch', class_name, config }, seed);
  const lead = cell ? [batch] : config.batch_first ? [batch, time] : [time, batch];
  const inputs = draw([...lead, features], seed + 1, 1);
  const state = (width: number, salt: number) => draw(cell ? [batch, width] : [stacked, batch, width], seed + salt, 1);
  const states = [state(projected || units, 2), ...(kind === 'LSTM' ? [state(units, 3)] : [])];
  // Rows of all lengths, one of them whole.
  const lengths = Array.from({ length: batch }, (_, row) => (row === 0 ? time : 1 + ((seed + row) % time)));
  return {
    made,
    sent: cell
      ? { inputs, states }
      : { inputs, initial_state: states, ...(one.ragged ? { sequence_lengths: lengths } : {}) },
    question: {
      ...{ class_name, config: made.config, inputs, states, weights: made.weights },
      ...(one.ragged ? { lengths } : {}),
    },
  };
}

async function check(one: ModuleCase, { service, torch }: Peers): Promise<void> {
  const { sent, question } = await prepareModule(service, one);
  const wanted = await torch.ask<Sent[]>({ kind: 'pytorch', ...question });
  const got = one.cell ? await service.step(sent) : await service.sequence(sent);
  const problem = difference(got, wanted, boundOfModule(one));
  if (problem) throw new Error(problem);
}

export const pytorch: Suite<ModuleCase> = { arbitrary: moduleCases, check };
