import { expect, it } from 'vitest';
import { KeyWindow } from './key-window.ts';

it('lets no request begin that is too far ahead of one that is still under way', async () => {
  const window = new KeyWindow(3);
  const begun: number[] = [];
  const { promise: slow, resolve: finish } = Promise.withResolvers<void>();
  const run = (n: number, request = async () => {}) =>
    window.run(() => {
      begun.push(n);
      return request();
    });
  const first = run(0, () => slow);
  await Promise.all([run(1), run(2)]);
  const waiting = [run(3), run(4)];
  await new Promise(setImmediate);
  expect(begun).toEqual([0, 1, 2]);
  finish();
  await Promise.all([first, ...waiting]);
  expect(begun).toEqual([0, 1, 2, 3, 4]);
});

it('goes on after a request that failed', async () => {
  const window = new KeyWindow(1);
  await expect(window.run(() => Promise.reject(new Error('no')))).rejects.toThrow('no');
  await expect(window.run(async () => 'yes')).resolves.toBe('yes');
});
