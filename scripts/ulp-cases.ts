import { readFileSync } from 'node:fs';
import { createApp } from '../src/app.ts';
import { readConfig } from '../src/config.ts';
import { openMemoryStore } from '../src/store/memory.ts';
import type { Measured } from './ulp-statistics.ts';

interface Flat {
  readonly shape: readonly number[];
  readonly data: readonly (number | string)[];
}

interface Results {
  readonly outputs: Flat;
  readonly states: readonly Flat[];
}

/** One step of a framework's cell: what it gave, and what float64 arithmetic gives. */
export interface UlpCase extends Results {
  readonly name: string;
  readonly framework: 'keras' | 'pytorch';
  readonly class_name: string;
  readonly config: Readonly<Record<string, unknown>>;
  readonly weights: Readonly<Record<string, Flat>>;
  readonly inputs: Flat;
  readonly initial_state: readonly Flat[];
  readonly reference_float64: Results;
}

/** Keras' sparsemax is wrong, and its reference with it; cellstep computes the true one (test/routes/golden.test.ts). */
const SPARSEMAX = 'GRUCell_act_sparsemax';

/** The single steps of Keras without those at the ends of the range, where ulps say nothing. */
export function kerasCases(): UlpCase[] {
  type Case = UlpCase & { cell: Pick<UlpCase, 'class_name' | 'config'>; extreme?: boolean };
  const { cases } = readFixture<{ cases: Case[] }>('keras_cells.json');
  const kept = cases.filter(({ name, extreme }) => !extreme && name !== SPARSEMAX);
  return kept.map(({ cell, ...one }) => ({ ...one, ...cell, framework: 'keras' }));
}

/** The single steps of PyTorch. */
export function pytorchCases(): UlpCase[] {
  type Case = UlpCase & { module: { class_name: string; kwargs: Record<string, unknown> } };
  const { cases } = readFixture<{ cases: Case[] }>('pytorch_cells.json');
  return cases
    .filter(({ module }) => module.class_name.endsWith('Cell'))
    .map(({ module, ...one }) => ({
      ...one,
      class_name: module.class_name,
      config: module.kwargs,
      framework: 'pytorch',
    }));
}

/** Whether Keras, PyTorch and ONNX Runtime all have such a cell. */
export function allCanRun({ framework, class_name: className, config }: UlpCase): boolean {
  if (framework === 'pytorch') return true;
  if (className === 'SimpleRNNCell') return config.activation === 'tanh' || config.activation === 'relu';
  const standard = config.activation === 'tanh' && config.recurrent_activation === 'sigmoid';
  return standard && (className === 'LSTMCell' || config.reset_after === true);
}

export function readFixture<T>(name: string): T {
  return JSON.parse(readFileSync(new URL(`../test/golden/${name}`, import.meta.url), 'utf8')) as T;
}

/** What the framework gave in the case. */
export function recorded(one: UlpCase): Measured {
  return measured(one, one);
}

/** What cellstep gives, asked over HTTP as a client asks it. */
export async function measureCellstep(cases: readonly UlpCase[], precision: 'exact' | 'fast'): Promise<Measured[]> {
  const app = await createApp({ store: openMemoryStore(), config: readConfig({}) });
  const ask = async (url: string, payload: object) => {
    const reply = await app.inject({ method: 'POST', url, payload });
    if (reply.statusCode >= 300) throw new Error(`POST ${url} was answered ${reply.statusCode}: ${reply.body}`);
    return reply.json<{ output: Flat; states: Flat[] }>();
  };
  const all: Measured[] = [];
  for (const [i, one] of cases.entries()) {
    const { framework, class_name, config } = one;
    const weights = Object.fromEntries(Object.entries(one.weights).map(([name, tensor]) => [name, values(tensor)]));
    await ask('/v1/cells', { id: `c${i}`, framework, class_name, config, weights, precision });
    const step = { inputs: values(one.inputs), states: one.initial_state.map(values), tensor_format: 'flat' };
    const { output, states } = await ask(`/v1/cells/c${i}/steps`, step);
    all.push(measured({ outputs: output, states }, one));
  }
  await app.close();
  return all;
}

/** Every distinct result once: the states, of which the output is the first. Decimals of float32 stand for float32. */
function measured({ states }: Results, { reference_float64: reference }: UlpCase): Measured {
  return {
    values: states.flatMap(({ data }) => data.map((value) => Math.fround(Number(value)))),
    exact: reference.states.flatMap(({ data }) => data.map(Number)),
  };
}

function values({ shape, data }: Flat): Flat {
  return { shape, data };
}
