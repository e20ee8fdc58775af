import { referenceEngine } from '../../src/engine/reference.ts';
import { createSimdEngines } from '../../src/engine/simd/simd.ts';
import { widenSimd } from '../../src/engine/simd/wide-simd.ts';
import { interleave, ratio } from '../measure.ts';
import { engineCalls, randomCell, type Work } from '../random-cells.ts';
import { duration, type Suite } from '../report.ts';

/** At no more than four times the fast engine's time. */
const GOAL = 0.25;

export const suite: Suite = {
  about: `The exact engine, which has the reference engine's bits, against the fast one (its time may be four times as long) and
against the reference engine itself.`,
  async run(tell) {
    widenSimd();
    const { fast, exact } = createSimdEngines();
    for (const kind of ['lstm', 'gru'] as const) {
      const works: Work[] = [64, 128, 256, 512].map((units) => ({
        cell: randomCell(kind, units, units),
        batch: 1,
        time: 1,
      }));
      works.push({ cell: randomCell(kind, 256, 256), batch: 32, time: 1 });
      works.push({ cell: randomCell(kind, 256, 256), batch: 1, time: 100 });
      for (const work of works) {
        const name = `${kind}(${work.cell.units}), ${work.batch} × ${work.time}`;
        const [own, fastest, slowest] = await interleave([
          engineCalls('exact', exact, work),
          engineCalls('fast', fast, work),
          engineCalls('reference', referenceEngine, work),
        ]);
        const cellstep = duration(own.ns);
        tell({
          name: `${name} against fast`,
          cellstep,
          peer: duration(fastest.ns),
          ratio: ratio(own, fastest),
          goal: GOAL,
        });
        tell({ name: `${name} against reference`, cellstep, peer: duration(slowest.ns), ratio: ratio(own, slowest) });
      }
    }
    return [];
  },
};
