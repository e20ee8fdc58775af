import { expect, it } from 'vitest';
import { counted } from '../../src/domain/words.ts';

it('counts one in the singular', () => {
  expect([0, 1, 2].map((count) => counted(count, 'row'))).toEqual(['0 rows', '1 row', '2 rows']);
});
