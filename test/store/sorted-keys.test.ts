import fc from 'fast-check';
import { expect, it } from 'vitest';
import { SortedKeys } from '../../src/store/sorted-keys.ts';

it('keys are in order, whatever was added and taken away', () => {
  const key = fc.string({ minLength: 1, maxLength: 3 });
  const changes = fc.array(fc.tuple(fc.boolean(), key), { maxLength: 200 });
  fc.assert(
    fc.property(changes, key, (list, start) => {
      const [keys, model] = [new SortedKeys(), new Set<string>()];
      for (const [adds, one] of list) {
        if (adds === model.has(one)) continue;
        if (adds) keys.add(one);
        else keys.delete(one);
        if (adds) model.add(one);
        else model.delete(one);
      }
      const sorted = [...model].sort();
      expect([...keys.from('')]).toEqual(sorted);
      expect([...keys.from(start)]).toEqual(sorted.filter((one) => one >= start));
    }),
  );
});

it('many keys are in order over all chunks', () => {
  const keys = new SortedKeys();
  const names = Array.from({ length: 20_000 }, (_, i) => String((i * 7919) % 20_000).padStart(5, '0'));
  for (const name of names) keys.add(name);
  expect([...keys.from('00000')]).toEqual(names.toSorted());
  for (const name of names) if (Number(name) % 3 !== 0) keys.delete(name);
  expect([...keys.from('10000')]).toEqual(names.filter((name) => Number(name) % 3 === 0 && name >= '10000').toSorted());
  for (const name of names) if (Number(name) % 3 === 0) keys.delete(name);
  expect([...keys.from('')]).toEqual([]);
  keys.add('a');
  expect([...keys.from('')]).toEqual(['a']);
});
