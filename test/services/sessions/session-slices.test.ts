import { expect, it } from 'vitest';
import { Tensor } from '../../../src/domain/tensor.ts';
import { decodeSession, encodeSession, sessionSlices } from '../../../src/services/sessions/session-bytes.ts';
import { encodeVariable, variableSlices } from '../../../src/services/variables/stand-alone-variables.ts';

const TIMES = { version: 1, created_at: 0, updated_at: 0 } as const;
const RECORD = { format: 1, id: 's', uid: 'u', cell: 'c', cell_uid: 'v', cell_version: 1, ...TIMES } as const;

/** How often work gives way, and what comes of it. */
function run<T>(work: Generator<void, T>): { readonly slices: number; readonly result: T } {
  for (let slices = 1; ; slices++) {
    const { done, value } = work.next();
    if (done) return { slices, result: value };
  }
}

it.each(['float16', 'bfloat16'] as const)('widens long states and values of %s in slices', (dtype) => {
  const size = 2 ** 21;
  const state = new Tensor(dtype, [size, 1], new Float32Array(size).fill(0.5));
  const output = new Tensor(dtype, [2], Float32Array.of(1, -2));
  const record = { ...RECORD, batch_size: size, step: 3, ttl_seconds: null };
  const bytes = encodeSession(record, [state], output).subarray();
  const { slices, result } = run(sessionSlices(bytes));
  expect(slices).toBeGreaterThan(3);
  expect(result).toEqual(decodeSession(bytes));
  expect(result).toEqual({ record: { ...record, pinned: undefined, history: undefined }, states: [state], output });

  const stored = { format: 1, id: 'v', trainable: true, ...TIMES } as const;
  const variable = run(variableSlices(encodeVariable(stored, state).subarray()));
  expect(variable.slices).toBeGreaterThan(3);
  expect(variable.result).toEqual({ record: stored, value: state });
});
