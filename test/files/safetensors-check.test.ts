import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Problem } from '../../src/domain/problems.ts';
import { DTYPES, Tensor } from '../../src/domain/tensor.ts';
import { DEFAULT_FILE_LIMITS, type FileLimits } from '../../src/files/bounds.ts';
import { SafetensorsCheck } from '../../src/files/safetensors/check.ts';
import { readSafetensors, writeSafetensors } from '../../src/files/safetensors/safetensors.ts';
import { atOnce } from '../../src/threads/in-turns.ts';
import { runs } from '../support/runs.ts';
import { tensorsOf } from './arbitrary-tensors.ts';
import { damaged, randomFrom, refusal } from './hostile.ts';

/** Names of the tensors of a file that comes in parts of these lengths, again and again. `length` is what was announced. */
function check(
  bytes: Uint8Array,
  parts: readonly number[],
  length?: number,
  limits: FileLimits = DEFAULT_FILE_LIMITS,
): string[] {
  const file = new SafetensorsCheck({
    limits,
    length,
    *read({ entries }) {
      return entries.map(({ name }) => name);
    },
  });
  for (let at = 0, k = 0; at < bytes.length; k++) {
    const part = bytes.subarray(at, at + parts[k % parts.length]);
    atOnce(file.take(part));
    at += part.length;
  }
  return file.end();
}

function codeOf(work: () => unknown): string {
  try {
    work();
    return 'read';
  } catch (error) {
    if (error instanceof Problem) return error.code;
    throw error;
  }
}

const names = fc.string({ maxLength: 5 }).filter((name) => name !== '__metadata__');
const parts = fc.array(fc.integer({ min: 1, max: 90 }), { minLength: 1, maxLength: 5 });

describe('a safetensors file that is checked as it comes', () => {
  it('is taken or refused as it is when it is read whole, however it is cut', () => {
    let refused = 0;
    fc.assert(
      fc.property(tensorsOf(DTYPES, names), parts, fc.nat(), (tensors, cuts, seed) => {
        const file = writeSafetensors(tensors);
        const inOrder = [...readSafetensors(file).tensors.keys()].sort();
        expect(check(file, cuts).sort()).toEqual(inOrder);
        expect(check(file, cuts, file.length).sort()).toEqual(inOrder);
        const random = randomFrom(seed);
        for (let k = 0; k < 20; k++) {
          const wrong = damaged(file, random).subarray(0, Math.ceil(random() * 1.5 * file.length));
          const whole = codeOf(() => readSafetensors(wrong));
          if (whole !== 'read') refused += 1;
          expect(codeOf(() => check(wrong, cuts, wrong.length))).toBe(whole);
          // How long a header is that never comes to its end, nobody knows.
          expect(codeOf(() => check(wrong, cuts)) === 'read').toBe(whole === 'read');
        }
      }),
      { numRuns: runs(400) },
    );
    expect(refused).toBeGreaterThan(100);
  });

  it('says where a truth value is wrong, also where it comes late', async () => {
    const flags = (size: number) => new Tensor('bool', [size], new Uint8Array(size));
    const file = writeSafetensors(
      new Map([
        ['a', flags(40)],
        ['b', flags(30)],
      ]),
    );
    file[file.length - 2] = 3;
    const whole = await refusal(() => readSafetensors(file));
    expect(whole).toBe(
      "invalid-file: The safetensors file cannot be read: in 'b' the bool at 28 is 3, neither 0 nor 1.",
    );
    for (const cut of [1, 7, 1000]) expect(await refusal(() => check(file, [cut]))).toBe(whole);
  });

  it('is refused before its data, if they will not be as long as its header says', () => {
    const file = writeSafetensors(new Map([['a', new Tensor('float32', [100], new Float32Array(100))]]));
    const read = function* () {
      yield;
      return 'header';
    };
    const told = new SafetensorsCheck({ limits: DEFAULT_FILE_LIMITS, length: file.length + 1, read });
    expect(codeOf(() => atOnce(told.take(file.subarray(0, file.length - 400))))).toBe('invalid-file');
    const untold = new SafetensorsCheck({ limits: DEFAULT_FILE_LIMITS, length: undefined, read });
    atOnce(untold.take(file));
    expect(codeOf(() => atOnce(untold.take(Uint8Array.of(0))))).toBe('invalid-file');
  });

  it('tells of its header before there is a buffer for it, and refuses one that is too long', () => {
    const file = writeSafetensors(new Map([['a', new Tensor('float32', [1], new Float32Array(1))]]));
    const held: number[] = [];
    check(file, [8], undefined, { ...DEFAULT_FILE_LIMITS, hold: (bytes) => held.push(bytes) });
    expect(held).toEqual([file.length - 8 - 4]);
    const limits = { ...DEFAULT_FILE_LIMITS, maxHeaderBytes: 10 };
    expect(codeOf(() => check(file.subarray(0, 8), [8], undefined, limits))).toBe('limit-exceeded');
  });
});
