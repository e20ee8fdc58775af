import type { Load } from '../load.ts';
import { interleave, ratio } from '../measure.ts';
import { perSecond, type Suite } from '../report.ts';
import { type BenchService, serve } from '../service.ts';
import { steppers } from '../steppers.ts';

const SESSIONS = 64;
/** Least ratios by units. */
const GOALS = { 64: 1, 256: 1.15, 1024: 2 } as const;

/** Mean rows of the batches of a service so far. */
async function meanBatch({ url }: BenchService): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const read = (name: string) =>
    Number(new RegExp(`^cellstep_batch_size_rows_${name}\\{[^}]*\\} (\\S+)$`, 'm').exec(text)?.[1]);
  return read('sum') / read('count');
}

export const suite: Suite = {
  about: `${SESSIONS} sessions of an LSTM, each stepped by a client of its own over HTTP in JSON as fast as it
is answered, store in memory: steps a second with batches (CELLSTEP_BATCH_ROWS at its default) against without (1).`,
  async run(tell) {
    for (const [units, goal] of Object.entries(GOALS)) {
      const services = [await serve('memory'), await serve('memory', { CELLSTEP_BATCH_ROWS: '1' })];
      const loads: Load[] = [];
      try {
        for (const service of services) loads.push(await steppers(service, Number(units), SESSIONS));
        const contenders = loads.map((load, k) => load.contender(k === 0 ? 'batched' : 'alone'));
        const [batched, alone] = await interleave(contenders, { rounds: 7, ms: 1500 });
        const rows = (await meanBatch(services[0])).toFixed(1);
        tell({
          name: `LSTM(${units}), batches of ${rows} rows`,
          cellstep: perSecond(batched.ns, 'steps'),
          peer: `${perSecond(alone.ns, 'steps')} alone`,
          ratio: ratio(batched, alone),
          goal,
        });
      } finally {
        for (const load of loads) load.close();
        for (const service of services) await service.close();
      }
    }
    return [];
  },
};
