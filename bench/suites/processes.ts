import { interleave, ratio } from '../measure.ts';
import { perSecond, type Suite } from '../report.ts';
import { serve } from '../service.ts';
import { steppers } from '../steppers.ts';

const CONNECTIONS = 32;

export const suite: Suite = {
  about: `Session steps over HTTP in JSON, ${CONNECTIONS} connections, durable in LMDB: CELLSTEP_WORKERS=2 against one process. On two cores
the clients, a third process, have a share of both.`,
  async run(tell) {
    for (const units of [64, 512]) {
      const services = [await serve('lmdb', { CELLSTEP_WORKERS: '2' }), await serve('lmdb')];
      try {
        const loads = [
          await steppers(services[0], units, CONNECTIONS),
          await steppers(services[1], units, CONNECTIONS),
        ];
        const [two, one] = await interleave(
          loads.map((load, k) => load.contender(k === 0 ? 'two' : 'one')),
          { rounds: 7, ms: 1500 },
        );
        tell({
          name: `LSTM(${units}), two processes`,
          cellstep: perSecond(two.ns, 'steps'),
          peer: `${perSecond(one.ns, 'steps')} by one`,
          ratio: ratio(two, one),
        });
        for (const load of loads) load.close();
      } finally {
        for (const service of services) await service.close();
      }
    }
    return [];
  },
};
