import { expect, it } from 'vitest';
import { requireTexts } from './mutate.ts';

it('puts each fault into a text that is once in its file', () => {
  expect(requireTexts).not.toThrow();
});
