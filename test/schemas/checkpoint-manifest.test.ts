import { describe, expect, it } from 'vitest';
import { parseManifest } from '../../schemas/checkpoint-manifest.ts';
import { atOnce } from '../../src/threads/in-turns.ts';

const EMPTY = { format: 1, cells: [], variables: [], sessions: [] };

describe('the manifest of a checkpoint', () => {
  it('is read in slices', () => {
    const variables = Array.from({ length: 1_000 }, (_, k) => ({ id: `v${k}`, trainable: k % 2 === 0 }));
    const reading = parseManifest({ ...EMPTY, variables });
    let slices = 1;
    let step = reading.next();
    for (; !step.done; step = reading.next()) slices++;
    expect(slices).toBeGreaterThan(15);
    expect(step.value).toEqual({ ...EMPTY, variables });
  });

  it.each([
    [{ ...EMPTY, format: 2 }, 'at /format:'],
    [{ ...EMPTY, more: [] }, 'at /: Unrecognized key'],
    [{ ...EMPTY, sessions: {} }, 'at /sessions:'],
    [{ ...EMPTY, variables: [{ id: 'v', trainable: true }, { id: 'w' }] }, 'at /variables/1/trainable:'],
    [
      { ...EMPTY, pinned: [{ cell: 'c', name: 'p', version: 0, input_shape: [null], variables: ['k'] }] },
      'at /pinned/0/version:',
    ],
    [[], 'at /:'],
  ])('says where %j is wrong', (sent, place) => {
    expect(() => atOnce(parseManifest(sent))).toThrow(place);
  });
});
