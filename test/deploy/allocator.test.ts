import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

const settings = (text: string) => text.match(/MALLOC_\w+=\d+/g);

it('gives freed memory back to the system, with `npm start` and in the image', () => {
  const { scripts } = JSON.parse(readFileSync('package.json', 'utf8'));
  expect(settings(scripts.start)).toHaveLength(3);
  expect(settings(readFileSync('Dockerfile', 'utf8'))).toEqual(settings(scripts.start));
});
