import { describe, expect, it } from 'vitest';
import { RecentValues } from '../../src/store/recent-values.ts';
import { newRecord, stampRecord } from '../../src/store/record.ts';

/** A record of so many bytes, all of them `content`, by the commit `count`. */
function record(count: number, content = count, size = 8): Uint8Array {
  const made = newRecord(new Uint8Array(size).fill(content));
  stampRecord(made, new Uint8Array(16).fill(count));
  return made;
}

describe('recent values', () => {
  it('are told with revision and bytes, which are the reader’s own', () => {
    const recent = new RecentValues(true);
    const kept = recent.keep('cell/a', record(1, 7, 2));
    expect(kept).toEqual(recent.get('cell/a'));
    expect([kept.revision, kept.bytes]).toEqual(['01'.repeat(16), Uint8Array.of(7, 7)]);
    kept.bytes[0] = 9;
    expect(recent.get('cell/a')?.bytes).toEqual(Uint8Array.of(7, 7));
    expect(recent.get('cell/b')).toBeUndefined();
  });

  it('are not told while commits change them, nor kept from what is read meanwhile', () => {
    const recent = new RecentValues(true);
    recent.keep('cell/a', record(1));
    recent.begun('cell/a');
    recent.begun('cell/a');
    expect(recent.get('cell/a')).toBeUndefined();
    recent.settled('cell/a', record(2));
    expect(recent.keep('cell/a', record(2)).bytes).toHaveLength(8);
    expect(recent.get('cell/a')).toBeUndefined();
    recent.settled('cell/a', record(3));
    expect(recent.get('cell/a')?.revision).toBe('03'.repeat(16));
  });

  it('are not kept from commits that wrote nothing, or over what nobody has read', () => {
    const recent = new RecentValues(true);
    recent.keep('cell/a', record(1));
    for (const key of ['cell/a', 'cell/b']) recent.begun(key);
    recent.settled('cell/a');
    recent.settled('cell/b', record(2));
    expect([recent.get('cell/a'), recent.get('cell/b')]).toEqual([undefined, undefined]);
  });

  it('are forgotten at a failure, and kept again after a commit', () => {
    const recent = new RecentValues(true);
    recent.keep('cell/a', record(1));
    recent.fail();
    recent.keep('cell/b', record(2));
    expect([recent.get('cell/a'), recent.get('cell/b')]).toEqual([undefined, undefined]);
    recent.recover();
    recent.keep('cell/b', record(3));
    expect(recent.get('cell/b')?.revision).toBe('03'.repeat(16));
  });

  it('are never kept where other processes write', () => {
    const recent = new RecentValues(false);
    expect(recent.keep('cell/a', record(1)).revision).toBe('01'.repeat(16));
    expect(recent.get('cell/a')).toBeUndefined();
  });

  it('give way when there are too many, those kept longest first, and are not kept when too long', () => {
    const recent = new RecentValues(true);
    const size = 2 ** 16 - 16;
    const count = 600;
    for (let k = 0; k < count; k++) recent.keep(`cell/${k}`, record(1, 1, size));
    const kept = Array.from({ length: count }, (_, k) => recent.get(`cell/${k}`) !== undefined);
    const first = kept.indexOf(true);
    expect(first).toBe(count - Math.floor(2 ** 25 / (2 ** 16 + 512 + 2 * 8)));
    expect(kept.slice(first)).not.toContain(false);
    recent.keep('cell/599', record(2, 2, size + 1));
    expect(recent.get('cell/599')).toBeUndefined();
  });
});
