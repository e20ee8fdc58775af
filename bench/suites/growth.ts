import { createSimdEngines } from '../../src/engine/simd/simd.ts';
import { widenSimd } from '../../src/engine/simd/wide-simd.ts';
import { interleave } from '../measure.ts';
import { exponent, type Point, writePlot } from '../plot.ts';
import { engineCalls, randomCell, type Work } from '../random-cells.ts';
import { duration, type Suite } from '../report.ts';

/** Two decades each. */
const UNITS = [16, 32, 64, 128, 256, 512, 1024, 1600];
const COUNTS = [10, 20, 50, 100, 200, 500, 1000];

/** Work grows with the square of the units, and in proportion to rows and to steps; caches that no longer hold it add to that. */
const GROWTHS = [
  { name: 'units', most: 2.3, of: UNITS, work: (units: number) => ({ units, batch: 1, time: 1 }) },
  { name: 'rows', most: 1.1, of: COUNTS, work: (batch: number) => ({ units: 64, batch, time: 1 }) },
  { name: 'time steps', most: 1.1, of: COUNTS, work: (time: number) => ({ units: 64, batch: 1, time }) },
];

export const suite: Suite = {
  about: `How the fast engine's time grows with units (one row, one step), rows (64 units, one step) and time steps (64 units, one row),
over two decades, in bench/plots. The ratio of an exponent is the allowed one over the measured one: 2.3 for units, of which the
work grows with the square, 1.1 for rows and steps.`,
  async run(tell) {
    widenSimd();
    const { fast } = createSimdEngines();
    for (const { name, most, of, work } of GROWTHS) {
      const lines = [];
      for (const kind of ['lstm', 'gru'] as const) {
        const contenders = of.map((size) => {
          const { units, batch, time } = work(size);
          const one: Work = { cell: randomCell(kind, units, units), batch, time };
          return engineCalls(`${size}`, fast, one);
        });
        const measured = await interleave(contenders, { rounds: 7, ms: 30 });
        const points = of.map((size, k): Point => [size, measured[k].ns / 1000]);
        lines.push({ name: kind, points });
        const slope = exponent(points);
        tell({
          name: `${kind}: time ~ ${name} ^ ${slope.toFixed(2)}`,
          cellstep: `${duration(measured.at(-1)!.ns)} for ${of.at(-1)}`,
          peer: `${duration(measured[0].ns)} for ${of[0]}`,
          ratio: most / slope,
          goal: 1,
        });
      }
      const file = `compute-${name.replace(' ', '-')}.svg`;
      writePlot(file, { title: `Time of a call against ${name}`, x: name, y: 'µs', lines });
    }
    return [];
  },
};
