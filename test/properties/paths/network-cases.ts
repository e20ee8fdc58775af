import fc from 'fast-check';
import { type NetworkProgram, nodeStateWidths } from '../../../src/domain/network.ts';
import type { SequenceRequest } from '../../../src/domain/ports.ts';
import { stateDtypes } from '../../../src/domain/program.ts';
import { allocate, type Dtype, isFloat, sizeOf, Tensor } from '../../../src/domain/tensor.ts';
import { numbers } from '../../engine/cell-parts.ts';
import { kerasCell } from '../../support/define.ts';
import { type DrawnNetwork, functionalConfig, networks, VOCABULARY } from '../networks/networks.ts';
import { SEED } from './options.ts';

export interface NetworkPathCase {
  readonly network: DrawnNetwork;
  readonly program: NetworkProgram;
  /** Whether it takes single steps: nothing of it looks ahead. */
  readonly streams: boolean;
  readonly request: SequenceRequest;
}

const DTYPES = ['float32', 'float32', 'float32', 'float64', 'mixed_bfloat16', 'float16', 'mixed_float16'];

interface Options {
  readonly batch: number;
  readonly masked: boolean;
  readonly states: boolean;
}

const options: fc.Arbitrary<Options> = fc.record({
  batch: fc.oneof(fc.integer({ min: 1, max: 5 }), fc.constantFrom(0, 9, 40)),
  masked: fc.boolean(),
  states: fc.boolean(),
});

/** So many cases, the same for the same seed. */
export function drawNetworks(count: number): NetworkPathCase[] {
  return fc
    .sample(fc.tuple(networks(DTYPES, 0), options), { seed: SEED, numRuns: count })
    .map(([network, given]) => caseOf(network, given));
}

export function caseOf(network: DrawnNetwork, { batch, masked, states }: Options): NetworkPathCase {
  const { seed, steps: time, tokens } = network;
  const definition = kerasCell('Functional', functionalConfig(network), { maxUnits: 4096, autoName: (base) => base });
  const weights = definition.variables(0).map(({ name, shape, dtype }, k) => {
    // A Normalization has counted its examples; nothing is computed with that.
    if (!isFloat(dtype)) return [name, new Tensor(dtype, shape, allocate(dtype, sizeOf(shape)))];
    const drawn = numbers(dtype, sizeOf(shape), seed + k, 0.8);
    const values = name.endsWith('variance') ? drawn.map((value) => 0.5 + Math.abs(value)) : drawn;
    return [name, new Tensor(dtype, shape, values)];
  });
  const program = definition.sequence(0, Object.fromEntries(weights), false) as NetworkProgram;
  const scale = states ? 0.7 : 0;
  return {
    network,
    program,
    streams: definition.step !== undefined,
    request: {
      inputs: inputsOf(program.computeDtype, batch * time, sizeOf(definition.inputDims ?? []), { tokens, seed }),
      batch,
      time,
      states: stateShapes(program).map(([dtype, width], k) => numbers(dtype, batch * width, seed - k - 1, scale)),
      ...(masked && takesMask(program) ? { mask: maskOf(batch * time, seed) } : {}),
      zeroOutputForMask: false,
    },
  };
}

const takesMask = ({ nodes }: NetworkProgram) => nodes.every(({ mask }) => mask.kind !== 'refuse');

/** A third of the steps are what a mask is made of: the id 0, or nothing but zeros. */
function inputsOf(dtype: Dtype, steps: number, width: number, { tokens, seed }: { tokens: boolean; seed: number }) {
  const values = numbers(dtype, steps * width, seed + 99, 1.5);
  const masked = maskOf(steps, seed + 98);
  return values.map((value, k) => {
    if (!masked[Math.floor(k / width)]) return 0;
    return tokens ? 1 + (Math.floor(Math.abs(value) * 1000) % (VOCABULARY - 1)) : value;
  });
}

function maskOf(steps: number, seed: number): Uint8Array {
  return Uint8Array.from(numbers('float32', steps, seed), (value) => (value > -0.33 ? 1 : 0));
}

function stateShapes({ nodes }: NetworkProgram): [Dtype, number][] {
  return nodes.flatMap((node) => {
    const { work } = node;
    const widths = nodeStateWidths(node);
    const dtypes = work.kind === 'recurrent' ? stateDtypes(work.sequence) : widths.map(() => work.layer.computeDtype);
    return widths.map((width, k): [Dtype, number] => [dtypes[k], width]);
  });
}

/** A case in a line, for the message of a failure. */
export function describeNetwork({ network, request: { batch, mask, states } }: NetworkPathCase): string {
  const carried = states.some((state) => state.some((value) => value !== 0));
  return JSON.stringify({ batch, masked: mask !== undefined, carried, ...network });
}
