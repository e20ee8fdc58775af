import { Load, request } from './load.ts';
import type { BenchService } from './service.ts';

const FEATURES = 16;

/** Makes an LSTM cell with 16 features and small random weights; its id. */
export async function makeLstm(service: BenchService, units: number): Promise<string> {
  const id = `lstm${units}`;
  const uniform = { class_name: 'RandomUniform', config: { minval: -0.1, maxval: 0.1, seed: 1 } };
  const config = { units, kernel_initializer: uniform, recurrent_initializer: uniform };
  await service.post('/v1/cells', { id, class_name: 'LSTMCell', config, input_shape: [null, FEATURES] });
  return id;
}

/** Inputs [1, features] of a step. */
export function stepInputs(): number[][] {
  return [Array.from({ length: FEATURES }, (_, k) => Math.fround(Math.sin(k)))];
}

/** Opens so many sessions of an LSTM, s0, s1 …, and gives a client for each that steps it. */
export async function steppers(service: BenchService, units: number, sessions: number): Promise<Load> {
  const cell = await makeLstm(service, units);
  const ids = Array.from({ length: sessions }, (_, k) => `s${k}`);
  for (const id of ids) await service.post('/v1/sessions', { id, cell });
  return stepping(service.url, ids);
}

/** A client for each of these sessions. */
export function stepping(url: string, ids: readonly string[]): Load {
  return new Load(
    url,
    ids.map((id) => request('POST', `/v1/sessions/${id}/steps`, { inputs: stepInputs() })),
  );
}
