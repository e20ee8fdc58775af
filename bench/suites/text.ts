import { z } from 'zod';
import { codecFor } from '../../src/http/numbers/codec.ts';
import { calls, interleave, ratio } from '../measure.ts';
import { duration, type Suite } from '../report.ts';

const COUNT = 4096;

export const suite: Suite = {
  about: `Number text, time a number: ${COUNT} float32 values between -1 and 1 (tanh of uniform ones) as one JSON array. Reading
goes from the bytes to a float64 array of its own, printing from a float32 array to a string; JSON.parse has the text as a string
already, and JSON.stringify the values as an array of numbers. Of printing, a sixth is the copy into a string; the rest is bound by
the number of instructions: four values at a time share the digits' vectors, and each is laid out by one shuffle and one store. Of
reading, a quarter is the copy of the text and of the values. Text of 17 digits takes the 128-bit product for every value,
where the shortest text takes one division.`,
  async run(tell) {
    const values = Float32Array.from({ length: COUNT }, () => Math.tanh(4 * Math.random() - 2));
    const numbers = Array.from(values);
    const list = z.array(z.number());
    const short = codecFor(0).print(values, [COUNT]);
    const rows: [name: string, goal: number | undefined, own: () => unknown, peer: string, other: () => unknown][] = [];
    for (const [digits, text, goal] of [
      ['shortest float32 text', short, 2.5],
      ['17 digits, as JSON.stringify prints', JSON.stringify(numbers), undefined],
    ] as const) {
      const bytes = Buffer.from(text);
      const read = () => codecFor(bytes.length).reader(bytes)(0);
      rows.push([`read ${digits}`, goal, read, 'JSON.parse', () => JSON.parse(text)]);
      rows.push([`read ${digits}`, goal, read, 'JSON.parse and zod', () => list.parse(JSON.parse(text))]);
      const plain = () => Float64Array.from(JSON.parse(bytes.toString()) as number[]);
      rows.push([`read ${digits}`, goal, read, 'JSON.parse, from bytes to float64', plain]);
    }
    const print = () => codecFor(0).print(values, [COUNT]);
    rows.push(['print', 4, print, 'JSON.stringify', () => JSON.stringify(numbers)]);
    rows.push(['print', 4, print, 'JSON.stringify, from float32', () => JSON.stringify(Array.from(values))]);
    rows.push(['print', 4, print, 'shortest by toPrecision', () => numbers.map(shortestOf).join(',')]);
    for (const [name, goal, own, peer, other] of rows) {
      const [a, b] = await interleave([calls('cellstep', own), calls(peer, other)], { rounds: 15, ms: 30 });
      tell({
        name: `${name}, against ${peer}`,
        cellstep: duration(a.ns / COUNT),
        peer: duration(b.ns / COUNT),
        ratio: ratio(a, b),
        ...(goal === undefined ? {} : { goal }),
      });
    }
    return [];
  },
};

/** The shortest text of a float32 that JavaScript alone finds. */
function shortestOf(value: number): string {
  for (let digits = 6; digits < 9; digits++) {
    const text = value.toPrecision(digits);
    if (Math.fround(Number(text)) === value) return text;
  }
  return value.toPrecision(9);
}
