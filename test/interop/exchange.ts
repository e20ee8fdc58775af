import { execFile } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect } from 'vitest';
import { z } from 'zod';
import { HDF5, KERAS } from '../../src/domain/media-types.ts';
import type { FlatTensor } from '../golden/compare.ts';
import type { TestApp } from '../support/app.ts';
import { call, make } from '../support/call.ts';
import { download } from '../support/files.ts';
import { PATIENCE_MS } from '../support/patience.ts';
import { SEED } from '../support/seed.ts';
import { FORMATS, type InteropCase, type InteropFormat } from './cases.ts';
import type { NetworkCase } from './networks.ts';

const script = fileURLToPath(new URL('check.py', import.meta.url));
/** Of the inputs: two sequences for each case, the second of which goes on from the states of the first. */
const SHAPE = [3, 5];
const RUNS = 2;

const tensor = z.object({ shape: z.array(z.number()), data: z.array(z.number()) });
const run = z.object({ output: tensor, states: z.array(tensor).min(1) });
const failure = z.object({ error: z.string() });
const compared = z.record(z.string(), z.union([z.object({ difference: z.number() }), failure]));
const results = z.object({
  versions: z.record(z.string(), z.string()),
  opened: compared,
  networks: compared,
  gradients: compared,
  saved: z.record(z.string(), z.union([z.object({ runs: z.array(run).length(RUNS) }), failure])),
});

export type Run = z.output<typeof run>;
export type Results = z.output<typeof results>;

/** What Python is to open, and to save. */
interface ExchangedCase {
  readonly name: string;
  readonly framework: string;
  readonly class_name: string;
  readonly config: Readonly<Record<string, unknown>>;
  readonly features: number;
  readonly seed: number;
  /** Shape and dtype by name, in the cell's order. */
  readonly variables: Readonly<Record<string, readonly [readonly number[], string]>>;
  readonly inputs: readonly FlatTensor[];
  readonly runs: readonly Run[];
  readonly files: Readonly<Record<string, string>>;
  readonly saves: Readonly<Record<string, string>>;
}

/** A whole network that Keras is to open. */
interface ExchangedNetwork {
  readonly name: string;
  readonly inputs: FlatTensor;
  readonly output: FlatTensor;
  /** What each number of the output counts in the objective of the gradients. */
  readonly cotangent: FlatTensor;
  /** By the trainable variables, in order. */
  readonly gradients: Readonly<Record<string, FlatTensor>>;
  readonly files: Readonly<Record<string, string>>;
}

/** Why nothing can be exchanged here; undefined where it can. */
export function whyNot(): string | undefined {
  return process.env.CELLSTEP_INTEROP_PYTHON
    ? undefined
    : 'CELLSTEP_INTEROP_PYTHON names no Python that has test/interop/requirements.txt';
}

export function formatsOf({ framework }: InteropCase): InteropFormat[] {
  return FORMATS.filter(({ frameworks }) => frameworks.includes(framework));
}

/** A file that Python saves, or that cellstep wrote. */
export function pathOf(directory: string, id: string, { extension }: InteropFormat): string {
  return join(directory, `${id}${extension}`);
}

function inputsOf({ features }: InteropCase): FlatTensor[] {
  return Array.from({ length: RUNS }, (_, seed) => draw([...SHAPE, features], seed + 1, 1.5));
}

/** The cell by `id`, with weights drawn from a seed, its files, and what it answers. */
export async function exportCase(
  app: TestApp,
  one: InteropCase,
  id: string,
  seed: number,
  directory: string,
): Promise<ExchangedCase> {
  const cell = await makeCell(app, one, id);
  const names = cell.variables.map(({ name }, k) => [name, draw(cell.variables[k].shape, seed * 100 + k, 0.8)]);
  const put = await call(app, 'PUT', `/v1/cells/${id}/weights`, { weights: Object.fromEntries(names) });
  expect(put.status, put.text).toBe(200);
  const files: Record<string, string> = {};
  const saves: Record<string, string> = {};
  for (const format of formatsOf(one)) {
    const path = pathOf(directory, `${id}-written`, format);
    writeFileSync(path, (await download(app, id, format.accept)).bytes);
    files[format.extension] = path;
    saves[format.extension] = pathOf(directory, id, format);
  }
  return {
    ...{ name: one.name, framework: one.framework, class_name: one.class_name, config: cell.config },
    ...{ features: one.features, seed, files, saves, inputs: inputsOf(one), runs: await runsOf(app, one, id) },
    variables: Object.fromEntries(cell.variables.map(({ name, shape, dtype }) => [name, [shape, dtype]])),
  };
}

/** Keras' own formats, which hold whole networks. */
export const NETWORK_FORMATS = FORMATS.filter(({ mediaType }) => mediaType === HDF5 || mediaType === KERAS);

/** A network, the files that cellstep writes of it, and what it answers. */
export async function exportNetwork(app: TestApp, one: NetworkCase, directory: string): Promise<ExchangedNetwork> {
  const { name, inputs } = one;
  const posted = await one.make(app);
  expect(posted.status, posted.text).toBe(201);
  const files: Record<string, string> = {};
  for (const format of NETWORK_FORMATS) {
    const path = pathOf(directory, `${name}-network`, format);
    writeFileSync(path, (await download(app, name, format.accept)).bytes);
    files[format.extension] = path;
  }
  const body = { inputs, tensor_format: 'flat' };
  const reply = await call(app, 'POST', `/v1/cells/${name}/sequences`, body);
  expect(reply.status, reply.text).toBe(200);
  const output = tensor.parse(reply.body.output);
  const cotangent = draw(output.shape, 5, 1);
  const pulled = await call(app, 'POST', `/v1/cells/${name}/gradients`, { ...body, cotangent });
  expect(pulled.status, pulled.text).toBe(200);
  const variables: readonly { readonly name: string; readonly trainable: boolean }[] = posted.body.variables;
  const trained = variables.filter(({ trainable }) => trainable).map((one) => one.name);
  const gradients = Object.fromEntries(trained.map((one) => [one, tensor.parse(pulled.body.gradients[one])]));
  return { name, inputs, output, cotangent, gradients, files };
}

const made = z.object({
  config: z.record(z.string(), z.unknown()),
  variables: z.array(z.object({ name: z.string(), shape: z.array(z.number()), dtype: z.string() })).min(1),
});

/** A cell as the case has it, with some weights. */
export async function makeCell(app: TestApp, one: InteropCase, id: string): Promise<z.output<typeof made>> {
  const { framework, class_name, config, features, shapes } = one;
  const zeros = ([name, shape]: [string, readonly number[]]) => [name, draw(shape, 0, 0)];
  const weights = shapes ? Object.fromEntries(Object.entries(shapes).map(zeros)) : null;
  const built = shapes ? {} : { input_shape: [null, features] };
  return made.parse((await make(app, '/v1/cells', { id, framework, class_name, config, weights, ...built })).body);
}

/** What a cell answers to the case's inputs. */
export async function runsOf(app: TestApp, one: InteropCase, id: string): Promise<Run[]> {
  // The model that a cell is written as is an RNN with its defaults.
  const last = one.framework === 'keras' && /Cells?$/.test(one.class_name) ? { return_sequences: false } : {};
  const runs: Run[] = [];
  for (const inputs of inputsOf(one)) {
    const before = runs.at(-1);
    const state = before ? { initial_state: before.states } : {};
    const body = { inputs, ...state, ...last, tensor_format: 'flat' };
    const reply = await call(app, 'POST', `/v1/cells/${id}/sequences`, body);
    expect(reply.status, reply.text).toBe(200);
    runs.push(run.parse(reply.body));
  }
  return runs;
}

/** Opens and saves all files in one process, since the libraries take seconds to load. */
export async function exchange(
  cases: readonly ExchangedCase[],
  networks: readonly ExchangedNetwork[],
  directory: string,
): Promise<Results> {
  const [sent, received] = ['exchange.json', 'results.json'].map((name) => join(directory, name));
  writeFileSync(sent, JSON.stringify({ cases, networks }));
  await promisify(execFile)(process.env.CELLSTEP_INTEROP_PYTHON ?? '', [script, sent, received], {
    // Keras writes its settings into its home.
    env: { ...process.env, KERAS_HOME: directory, PYTHONDONTWRITEBYTECODE: '1' },
    maxBuffer: 2 ** 26,
    timeout: 10 * PATIENCE_MS,
  });
  return results.parse(JSON.parse(readFileSync(received, 'utf8')));
}

/** Saves modules of PyTorch with the weights of a seed that the repository's files do not have, and what they compute. */
export async function saveModules(directory: string): Promise<void> {
  mkdirSync(directory);
  const maker = fileURLToPath(new URL('../golden/make_pytorch_modules.py', import.meta.url));
  await promisify(execFile)(process.env.CELLSTEP_INTEROP_PYTHON ?? '', [maker, directory, `${SEED}`], {
    timeout: 5 * PATIENCE_MS,
  });
}

/** float32 numbers, evenly from -limit to limit; the same for the same seed (mulberry32). */
function draw(shape: readonly number[], seed: number, limit: number): FlatTensor {
  let state = seed;
  const next = () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const size = shape.reduce((product, extent) => product * extent, 1);
  return { shape, data: Array.from({ length: size }, () => Math.fround((2 * next() - 1) * limit)) };
}
