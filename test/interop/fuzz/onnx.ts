import fc from 'fast-check';
import { size } from './keras-layers.ts';
import { difference, draw, type Sent } from './numbers.ts';
import type { Peers, Suite } from './suite.ts';

const GATES = { RNN: 1, GRU: 3, LSTM: 4 } as const;
/** Activations of a direction, and of which of them alpha and beta say something. */
const FUNCTIONS = { RNN: 1, GRU: 2, LSTM: 3 } as const;

/** A recurrent node of ONNX, and a batch of sequences for it. */
export interface NodeCase {
  readonly class_name: keyof typeof GATES;
  readonly config: Readonly<Record<string, unknown>>;
  readonly shapes: Readonly<Record<string, readonly number[]>>;
  readonly features: number;
  readonly units: number;
  readonly directions: number;
  readonly batch: number;
  readonly time: number;
  readonly ragged: boolean;
  readonly seed: number;
}

// ONNX Runtime computes these for recurrent nodes; those with parameters take alpha, or alpha and beta, in their order.
const PARAMETERS = { LeakyRelu: 1, HardSigmoid: 2, Affine: 2, ScaledTanh: 2, ThresholdedRelu: 1 } as const;
const ACTIVATIONS = ['Sigmoid', 'Tanh', 'Relu', 'Softsign', ...Object.keys(PARAMETERS)];
const parametersOf = (name: string) => PARAMETERS[name as keyof typeof PARAMETERS] ?? 0;

export const nodeCases: fc.Arbitrary<NodeCase> = fc
  .record({
    class_name: fc.constantFrom(...(Object.keys(GATES) as (keyof typeof GATES)[])),
    direction: fc.constantFrom('forward', 'reverse', 'bidirectional'),
    features: size,
    units: size,
    bias: fc.boolean(),
    peepholes: fc.boolean(),
    clip: fc.constantFrom(undefined, undefined, 0.4, 2),
    named: fc.option(fc.array(fc.constantFrom(...ACTIVATIONS), { minLength: 6, maxLength: 6 }), { nil: undefined }),
    option: fc.constantFrom(0, 1),
    batch: fc.integer({ min: 1, max: 5 }),
    time: fc.integer({ min: 1, max: 7 }),
    ragged: fc.boolean(),
    seed: fc.integer({ min: 1, max: 2 ** 30 }),
  })
  .map((drawn): NodeCase => {
    const { class_name, direction, features, units, bias, clip, named, option, batch, time, ragged, seed } = drawn;
    const directions = direction === 'bidirectional' ? 2 : 1;
    const gates = GATES[class_name];
    const activations = named?.slice(0, FUNCTIONS[class_name] * directions);
    const own = class_name === 'GRU' ? { linear_before_reset: option } : {};
    const parameters = activations ? activationParameters(activations) : {};
    const config = { hidden_size: units, direction, ...own, ...(clip === undefined ? {} : { clip }), ...parameters };
    const peepholes: Readonly<Record<string, readonly number[]>> =
      class_name === 'LSTM' && drawn.peepholes ? { P: [directions, 3 * units] } : {};
    const shapes = {
      W: [directions, gates * units, features],
      R: [directions, gates * units, units],
      ...(bias ? { B: [directions, 2 * gates * units] } : {}),
      ...peepholes,
    };
    return { class_name, config, shapes, features, units, directions, batch, time, ragged, seed };
  });

function activationParameters(activations: readonly string[]): object {
  const alpha = activations.filter((name) => parametersOf(name) > 0).map((_, k) => [0.3, 0.7][k % 2]);
  const beta = activations.filter((name) => parametersOf(name) > 1).map((_, k) => [0.4, 0.6][k % 2]);
  return {
    activations,
    ...(alpha.length > 0 ? { activation_alpha: alpha } : {}),
    ...(beta.length > 0 ? { activation_beta: beta } : {}),
  };
}

async function check(one: NodeCase, { service, torch }: Peers): Promise<void> {
  const { class_name, config, shapes, features, units, directions, batch, time, seed } = one;
  const made = await service.make(
    { framework: 'onnx', class_name, config, shapes, input_shape: [null, null, features] },
    seed,
  );
  const inputs = draw([time, batch, features], seed + 1, 1);
  const states = Array.from({ length: class_name === 'LSTM' ? 2 : 1 }, (_, k) =>
    draw([directions, batch, units], seed + 2 + k, 1),
  );
  const lengths = Array.from({ length: batch }, (_, row) => (row === 0 ? time : 1 + ((seed + row) % time)));
  const ragged = one.ragged ? { lengths } : {};
  const wanted = await torch.ask<Sent[]>({
    ...{ kind: 'onnx_node', class_name, config: made.config, inputs, states, weights: made.weights },
    ...ragged,
  });
  const got = await service.sequence({
    inputs,
    initial_state: states,
    ...(one.ragged ? { sequence_lengths: lengths } : {}),
  });
  const problem = difference(got, wanted, 3e-5);
  if (problem) throw new Error(problem);
}

export const onnx: Suite<NodeCase> = { arbitrary: nodeCases, check };
