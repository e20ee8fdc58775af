import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect } from 'vitest';
import { PATIENCE_MS } from '../../support/patience.ts';

/** A Python that has what test/system/oip/requirements.txt lists. */
export const PYTHON = process.env.CELLSTEP_TRITON_PYTHON;
if (!PYTHON && process.env.CELLSTEP_CI === '1') throw new Error('CELLSTEP_TRITON_PYTHON is not set.');
const run = promisify(execFile);

/** h' = x + h: a running sum, as the sequence examples of Triton have it. */
const SUM = {
  id: 'sum',
  class_name: 'SimpleRNNCell',
  config: { units: 1, activation: null, use_bias: false, kernel_initializer: 'ones', recurrent_initializer: 'ones' },
  input_shape: [null, 1],
};

/** What a script prints, by the names of its checks. */
// biome-ignore lint/suspicious/noExplicitAny: each check has a shape of its own
export type Found = Record<string, any>;

/** Runs a script of this folder against an address. */
export async function runClient(script: string, command: string, address: string): Promise<Found> {
  const { stdout } = await run(`${PYTHON}`, [`test/system/oip/${script}`, command, address], {
    timeout: 4 * PATIENCE_MS,
  });
  const lines = stdout.trim().split('\n');
  return Object.assign({}, ...lines.map((line) => JSON.parse(line)));
}

export async function makeSum(url: string): Promise<void> {
  const headers = { 'content-type': 'application/json' };
  const made = await fetch(`${url}/v1/cells`, { method: 'POST', headers, body: JSON.stringify(SUM) });
  expect(made.status).toBe(201);
}

/** Where a service says that it serves gRPC. */
export function grpcAddress(stdout: string): string {
  const [, address] = /"msg":"gRPC listening at ([^"]+)"/.exec(stdout) ?? [];
  expect(address).toBeDefined();
  return address;
}
