import { describe, expect, it } from 'vitest';
import { checkCommit, isKey, ownerOf } from '../../src/domain/store-keys.ts';

describe('ownerOf', () => {
  it.each([
    ['cell/a', 'cell/a'],
    ['cell-variable/a/kernel/3', 'cell/a'],
    ['session-reply/s.1_2-3/Any Key ~', 'session/s.1_2-3'],
    ['a-b-c/x', 'a/x'],
    ['cell/a-b', 'cell/a-b'],
    [`cell/${'i'.repeat(128)}`, `cell/${'i'.repeat(128)}`],
  ])('of %s is %s', (key, owner) => {
    expect(ownerOf(key)).toBe(owner);
    expect(isKey(key)).toBe(true);
  });

  it.each([
    '',
    'cell',
    'cell/',
    '/a',
    'Cell/a',
    'cell-/a',
    '-cell/a',
    'cell/.a',
    'cell/a/',
    'cell/a\n',
    'cell/é',
    'cell/a/é',
  ])('refuses %j', (key) => {
    expect(() => ownerOf(key)).toThrow(`key ${JSON.stringify(key)} is malformed; write kind/id or kind/id/rest`);
    expect(isKey(key)).toBe(false);
  });

  it('refuses ids over 128 and keys over 1,000 characters', () => {
    expect(() => ownerOf(`cell/${'i'.repeat(129)}`)).toThrow('malformed');
    expect(ownerOf(`cell/a/${'k'.repeat(993)}`)).toBe('cell/a');
    expect(() => ownerOf(`cell/a/${'k'.repeat(994)}`)).toThrow('has 1001 characters');
  });
});

describe('checkCommit', () => {
  it('takes keys of one owner', () => {
    expect(() => checkCommit([{ key: 'cell/a' }, { key: 'cell-variable/a/k' }])).not.toThrow();
  });

  it('refuses two owners and repeated keys', () => {
    expect(() => checkCommit([{ key: 'cell/a' }, { key: 'cell/a.b' }])).toThrow('two owners, cell/a and cell/a.b');
    expect(() => checkCommit([{ key: 'cell/a' }, { key: 'cell/a' }])).toThrow('names the key cell/a twice');
  });
});
