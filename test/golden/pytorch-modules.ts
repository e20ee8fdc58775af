import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import { PYTORCH, SAFETENSORS } from '../../src/domain/media-types.ts';
import type { TestApp } from '../support/app.ts';
import { type Called, call } from '../support/call.ts';
import { postFile } from '../support/files.ts';
import { asRequest, expectClose, type GoldenTensor } from './compare.ts';

/** A module of PyTorch with several layers, as make_pytorch_modules.py saves it. */
export interface ModuleCase {
  readonly name: string;
  readonly file: string;
  /** Makes the network of the file. */
  readonly query: Readonly<Record<string, string>>;
  readonly inputs: GoldenTensor;
  /** In float64. */
  readonly outputs: GoldenTensor;
}

/** Where the modules of the repository are. */
export const MODULES = fileURLToPath(new URL('pytorch_modules', import.meta.url));

export function moduleCases(directory: string): readonly ModuleCase[] {
  return JSON.parse(readFileSync(join(directory, 'cases.json'), 'utf8')).cases;
}

export function postModule(app: TestApp, directory: string, { name, file, query }: ModuleCase): Promise<Called> {
  const type = file.endsWith('.pt') ? PYTORCH : SAFETENSORS;
  const fields = new URLSearchParams({ id: name, ...query });
  return postFile(app, type, readFileSync(join(directory, file)), `?${fields}`);
}

/** The network of a file computes what the module does, as a sequence. */
export async function expectModule(app: TestApp, directory: string, one: ModuleCase): Promise<void> {
  const made = await postModule(app, directory, one);
  expect(made, made.text).toMatchObject({ status: 201, body: { class_name: 'Sequential', built: true } });
  const body = { inputs: asRequest(one.inputs), tensor_format: 'flat' };
  const reply = await call(app, 'POST', `/v1/cells/${one.name}/sequences`, body);
  expect(reply.status, reply.text).toBe(200);
  expectClose(reply.body.output, one.outputs, one.name, 4e-6);
}
