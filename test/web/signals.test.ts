import { expect, it } from 'vitest';
import { readCsv } from '../../web/src/signals/csv.ts';
import { readySignal, textSignal } from '../../web/src/signals/signal.ts';
import { readWav } from '../../web/src/signals/wav.ts';

it('reads a step a line and a feature a column, and skips a line of names', () => {
  expect(readCsv('a,b\n1,2\n3,-0.5\n')).toEqual([
    [1, 2],
    [3, -0.5],
  ]);
  expect(readCsv('1;2\r\n3;4')).toEqual([
    [1, 2],
    [3, 4],
  ]);
});

it.each([
  ['1,2\n3\n', '2'],
  ['1\n\n2\nx\n', '4'],
  ['a\nb\n', '2'],
  ['', '1'],
  ['1,\n', '1'],
])('names the line of a file that has no numbers: %j', (text, line) => {
  expect(() => readCsv(text)).toThrow(new RangeError(line));
});

it('keeps ten thousand steps of a long file', () => {
  expect(readCsv('1\n'.repeat(20_000))).toHaveLength(10_000);
});

/** A WAV file of one channel. */
function wav(
  format: number,
  bits: number,
  frames: readonly number[],
  write: (view: DataView, at: number, value: number) => void,
  channels = 1,
): ArrayBuffer {
  const width = bits / 8;
  const view = new DataView(new ArrayBuffer(44 + frames.length * width));
  const text = (at: number, name: string) =>
    [...name].forEach((letter, i) => {
      view.setUint8(at + i, letter.charCodeAt(0));
    });
  text(0, 'RIFF');
  text(8, 'WAVEfmt ');
  view.setUint32(16, 16, true);
  view.setUint16(20, format, true);
  view.setUint16(22, channels, true);
  view.setUint16(34, bits, true);
  text(36, 'data');
  view.setUint32(40, frames.length * width, true);
  frames.forEach((value, i) => {
    write(view, 44 + i * width, value);
  });
  return view.buffer as ArrayBuffer;
}

it('reads sound of 8, 16, 24 and 32 bits, and of floats', () => {
  const half = [[0.5], [-0.5]];
  expect(readWav(wav(1, 8, [192, 64], (view, at, value) => view.setUint8(at, value)))).toEqual(half);
  expect(readWav(wav(1, 16, [16384, -16384], (view, at, value) => view.setInt16(at, value, true)))).toEqual(half);
  expect(readWav(wav(1, 24, [64, 192], (view, at, value) => view.setUint8(at + 2, value)))).toEqual(half);
  expect(readWav(wav(1, 32, [2 ** 30, -(2 ** 30)], (view, at, value) => view.setInt32(at, value, true)))).toEqual(half);
  expect(readWav(wav(3, 32, [0.5, -0.5], (view, at, value) => view.setFloat32(at, value, true)))).toEqual(half);
});

it('mixes the channels of a sound, and thins out a long one', () => {
  const write = (view: DataView, at: number, value: number) => view.setFloat32(at, value, true);
  expect(readWav(wav(3, 32, [1, 0, -1, 0], write, 2))).toEqual([[0.5], [-0.5]]);
  expect(
    readWav(
      wav(
        3,
        32,
        Array.from({ length: 25_000 }, () => 0.25),
        write,
      ),
    ),
  ).toHaveLength(8333);
});

it('refuses files that are not sound', () => {
  expect(() => readWav(new ArrayBuffer(100))).toThrow(RangeError);
  expect(() => readWav(wav(1, 16, [1], (view, at) => view.setInt16(at, 1)).slice(0, 40))).toThrow(RangeError);
  expect(() => readWav(wav(2, 16, [1], (view, at) => view.setInt16(at, 1)))).toThrow(new RangeError('2/16'));
});

it('makes text a number a letter, or a one among zeros', () => {
  expect(textSignal('a ', 1)).toEqual([[-1], [1]]);
  expect(textSignal('ac', 3)).toEqual([
    [1, 0, 0],
    [0, 0, 1],
  ]);
});

it('has ready-made signals of every number of features, float32 as they are sent', () => {
  for (const name of ['sine', 'steps', 'pulse', 'noise'] as const) {
    const values = readySignal(name, 3).flat();
    expect(values).toHaveLength(360);
    expect(values.every((value) => Math.abs(value) <= 1 && Math.fround(value) === value)).toBe(true);
  }
});
