import { interleave, ratio } from '../measure.ts';
import { duration, perSecond, type Suite } from '../report.ts';
import { serve } from '../service.ts';
import { steppers, stepping } from '../steppers.ts';

const UNITS = 64;
const MANY = 64;

export const suite: Suite = {
  about: `Session steps of an LSTM(${UNITS}) over HTTP in JSON, each durable in LMDB before its reply, against the same over the
store in memory. With one connection nothing shares the sync of a commit, so the difference is what one costs.`,
  async run(tell) {
    const services = [await serve('lmdb'), await serve('memory')];
    try {
      const loads = [await steppers(services[0], UNITS, MANY), await steppers(services[1], UNITS, MANY)];
      const [lmdb, memory] = await interleave(
        loads.map((load, k) => load.contender(k === 0 ? 'lmdb' : 'memory')),
        { rounds: 7, ms: 1500 },
      );
      tell({
        name: `durable, ${MANY} connections`,
        cellstep: perSecond(lmdb.ns, 'steps'),
        peer: `${perSecond(memory.ns, 'steps')} in memory`,
        ratio: ratio(lmdb, memory),
        goal: 0.6,
      });
      for (const load of loads) load.close();

      const singles = services.map(({ url }) => stepping(url, ['s0']));
      const [one, other] = await interleave(
        singles.map((load, k) => load.contender(k === 0 ? 'lmdb' : 'memory')),
        { rounds: 7, ms: 1000 },
      );
      tell({
        name: 'durable, one connection',
        cellstep: duration(one.ns),
        peer: `${duration(other.ns)} in memory`,
        ratio: ratio(one, other),
      });
      tell({ name: 'one commit to the disk costs', cellstep: duration(one.ns - other.ns), peer: '' });
      for (const load of singles) load.close();
      return [];
    } finally {
      for (const service of services) await service.close();
    }
  },
};
