import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import packageJson from '../../package.json' with { type: 'json' };
import type { ServiceProcess } from '../../scripts/tutorial-service.ts';
import { service, temporaryDirectory } from '../system/support.ts';
import { MODELS, MODELS_PYTHON, pathOf, type RealModel } from './models.ts';

const STEPS = 200;

/** Numbers from -0.5 to 0.5 that depend on nothing else. */
function signal(count: number, seed: number): Float32Array {
  return Float32Array.from(
    { length: count },
    (_, i) => Math.sin(i * 0.37 + seed) * Math.cos(i * 0.011 * (seed + 1)) * 0.5,
  );
}

const sizeOf = (shape: readonly number[]) => shape.reduce((size, extent) => size * extent, 1);
const readFloats = (path: string) => new Float32Array(new Uint8Array(readFileSync(path)).buffer);

async function post(url: string, body: object | Buffer, type = 'application/json') {
  const reply = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': type },
    body: Buffer.isBuffer(body) ? body : JSON.stringify(body),
  });
  const text = await reply.text();
  if (!reply.ok) throw new Error(`${url}: ${reply.status} ${text}`);
  return JSON.parse(text);
}

const flat = (base64: string) => new Float32Array(new Uint8Array(Buffer.from(base64, 'base64')).buffer);

/** Steps a session over part of the inputs. */
async function steps({ url }: ServiceProcess, model: RealModel, inputs: Float32Array, from: number, to: number) {
  const size = sizeOf(model.shape);
  const outputs: Float32Array[] = [];
  let states: { base64: string }[] = [];
  for (let step = from; step < to; step++) {
    const bytes = Buffer.from(inputs.slice(step * size, (step + 1) * size).buffer).toString('base64');
    const reply = await post(`${url}/v1/sessions/${model.name}/steps`, {
      inputs: { shape: model.shape, dtype: 'float32', base64: bytes },
      tensor_format: 'base64',
      return_states: true,
    });
    outputs.push(flat(reply.output.base64));
    states = reply.states;
  }
  return { outputs, states: states.map(({ base64 }) => flat(base64)) };
}

function joined(parts: readonly Float32Array[]): Float32Array {
  return Float32Array.from(parts.flatMap((part) => [...part]));
}

describe.skipIf(MODELS_PYTHON === undefined)('real models', () => {
  it('gives the bits of ONNX Runtime in Python for 200 steps of each, killed in the middle', {
    timeout: 600_000,
  }, async () => {
    const directory = temporaryDirectory();
    const settings = { CELLSTEP_STORE: `lmdb:${join(directory, 'data')}` };
    let running = await service(settings);
    const inputs = MODELS.map(({ shape }, seed) => signal(STEPS * sizeOf(shape), seed));
    const first = [];
    for (const [k, model] of MODELS.entries()) {
      const query = new URLSearchParams({ graph: 'true', id: model.name, constants: JSON.stringify(model.fixed) });
      const file = readFileSync(pathOf(model));
      const cell = await post(`${running.url}/v1/cells?${query}`, file, 'application/x-onnx');
      expect(cell.state_names).toEqual(model.states.map(([input]) => input));
      const same = await fetch(`${running.url}/v1/cells/${model.name}/weights`, {
        headers: { accept: 'application/x-onnx' },
      });
      expect(Buffer.from(await same.arrayBuffer()).equals(file)).toBe(true);
      await post(`${running.url}/v1/sessions`, { id: model.name, cell: model.name });
      first.push(await steps(running, model, inputs[k], 0, STEPS / 2));
    }
    await running.stop('SIGKILL');
    running = await service(settings);
    const rest = [];
    for (const [k, model] of MODELS.entries()) rest.push(await steps(running, model, inputs[k], STEPS / 2, STEPS));

    const plans = MODELS.map((model, k) => {
      const paths = Object.fromEntries(
        ['inputs', 'outputs', 'after'].map((part) => [part, join(directory, `${k}.${part}`)]),
      );
      writeFileSync(paths.inputs, new Uint8Array(inputs[k].buffer));
      return { ...model, ...paths, path: pathOf(model) };
    });
    const script = join(import.meta.dirname, 'reference.py');
    const version = execFileSync(MODELS_PYTHON ?? '', [script], { input: JSON.stringify(plans), encoding: 'utf8' });
    expect(version.trim()).toBe(packageJson.devDependencies['onnxruntime-node']);
    for (const [k, { name }] of MODELS.entries()) {
      const [outputs, after] = ['outputs', 'after'].map((part) => readFloats(join(directory, `${k}.${part}`)));
      expect(joined([...first[k].outputs, ...rest[k].outputs]), name).toEqual(outputs);
      expect(joined(rest[k].states), name).toEqual(after);
    }
  });
});
