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

it('lets no request begin that is too far ahead of a repetition, which itself comes in time or not at all', async () => {
  const window = new KeyWindow(3);
  const done: string[] = [];
  const run = () => window.run(async (number) => void done.push(`${number}`));
  await Promise.all([run(), run()]);
  const { promise: slow, resolve: finish } = Promise.withResolvers<void>();
  const repeated = window.repeat(0, async () => {
    await slow;
    done.push('0 again');
  });
  await window.repeat(0, async () => void done.push('0 at the same time'));
  const later = [run(), run()];
  await new Promise(setImmediate);
  expect(done).toEqual(['0', '1', '2']);
  finish();
  await Promise.all([repeated, ...later]);
  expect(done).toEqual(['0', '1', '2', '0 again', '3']);
  await window.repeat(1, async () => void done.push('1 too late'));
  expect(done).toHaveLength(5);
});

it('goes on after a request that failed', async () => {
  const window = new KeyWindow(1);
  await expect(window.run(() => Promise.reject(new Error('no')))).rejects.toThrow('no');
  await expect(window.run(async () => 'yes')).resolves.toBe('yes');
});
