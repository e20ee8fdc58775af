import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createSimdEngines } from '../../src/engine/simd/simd.ts';
import { widenSimd } from '../../src/engine/simd/wide-simd.ts';
import { type Contender, interleave, ratio } from '../measure.ts';
import { LinePeer, MissingPeer } from '../peers.ts';
import { engineCalls, randomCell, type Work } from '../random-cells.ts';
import { duration, type Suite } from '../report.ts';

const SIZES = [
  ...[64, 128, 256, 512, 1024].map((units) => ({ units, batch: 1, time: 1 })),
  { units: 256, batch: 32, time: 1 },
  { units: 256, batch: 1, time: 100 },
];

export const suite: Suite = {
  about: `The fast engine against the machine's limit: the same products and passes in C (bench/limits/cells.c, -O3 -march=native: the
widest registers and fused multiply-adds, no copies of arguments). The ratio is the share of the limit that is reached.`,
  async run(tell) {
    widenSimd();
    const [strict, relaxed] = [createSimdEngines(), createSimdEngines({ relaxed: true })];
    const directory = mkdtempSync(join(tmpdir(), 'cellstep-limits-'));
    const program = compile(directory);
    try {
      for (const kind of ['lstm', 'gru'] as const) {
        for (const { units, batch, time } of SIZES) {
          const work: Work = { cell: randomCell(kind, units, units), batch, time };
          const limit: Contender = {
            name: 'C',
            measure: (ms) => program.askLine(`${kind} ${units} ${units} ${batch} ${time} ${ms}`),
          };
          const contenders = [
            engineCalls('strict', strict.fast, work),
            engineCalls('relaxed', relaxed.fast, work),
            limit,
          ];
          const [own, fused, c] = await interleave(contenders, { rounds: 7 });
          const name = `${kind}(${units}), ${batch} × ${time}`;
          tell({ name, cellstep: duration(own.ns), peer: duration(c.ns), ratio: ratio(own, c) });
          tell({
            name: `${name}, relaxed`,
            cellstep: duration(fused.ns),
            peer: duration(c.ns),
            ratio: ratio(fused, c),
          });
        }
      }
      return [execFileSync('cc', ['--version'], { encoding: 'utf8' }).split('\n')[0]];
    } finally {
      program.close();
      rmSync(directory, { recursive: true });
    }
  },
};

/** @throws {MissingPeer} where there is no C compiler */
function compile(directory: string): LinePeer {
  const source = fileURLToPath(new URL('../limits/cells.c', import.meta.url));
  const binary = join(directory, 'cells');
  try {
    execFileSync('cc', ['-O3', '-march=native', '-o', binary, source]);
  } catch (error) {
    throw new MissingPeer(`${source} does not compile: ${(error as Error).message}`);
  }
  return new LinePeer([binary]);
}
