import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { SETTINGS, startCellstep } from '../http/servers.ts';
import { cellstepLoad, KINDS, limitLoad, prepareCellstep } from '../http/steps.ts';
import type { RequestCost } from '../http/work-server.ts';
import { CONNECTIONS, type Load } from '../http/wrk.ts';
import { type Contender, interleave, ratio } from '../measure.ts';
import { duration, type Suite } from '../report.ts';

/** What is measured, and the share of the speed of Fastify's constant that is asked for. */
const MEASURED: Readonly<Record<string, number | undefined>> = {
  'session, JSON, 64': 0.38,
  'carried, JSON, 64': 0.45,
  'session, binary, 64': undefined,
  'carried, binary, 64': undefined,
};

export const suite: Suite = {
  about: `The CPU that one request takes without sockets: the requests of the suite http come over streams that stand for
${CONNECTIONS} connections, so the figures leave out the kernel, the client and waking up. Medians of the fastest of 40 ms slices.
Beside it a bare node:http server, and a Fastify route, that read the same body and answer a constant of the same size. Allocated: bytes of
V8's heap.`,
  async run(tell) {
    const servers = await Promise.all(['cellstep', 'node:http', 'Fastify'].map(startWorker));
    // Only asked what its replies are like.
    const asked = await startCellstep(SETTINGS);
    try {
      await prepareCellstep(asked.url);
      for (const [name, goal] of Object.entries(MEASURED)) {
        const kind = KINDS[name];
        const own = cellstepLoad(asked.url, kind);
        const constant = await limitLoad(asked.url, own, kind.binary);
        const contenders = servers.map((server, k) => worked(server, k === 0 ? own : constant));
        // Until the compiler is done.
        for (const contender of contenders) await contender.measure(3000);
        const [mine, ...theirs] = await interleave(contenders, { rounds: 7, ms: 400 });
        for (const [k, peer] of ['node:http', 'Fastify'].entries()) {
          tell({
            name: `${name}, against ${peer}`,
            cellstep: duration(mine.ns),
            peer: duration(theirs[k].ns),
            ratio: ratio(mine, theirs[k]),
            ...(peer === 'Fastify' ? { goal } : {}),
          });
        }
        const [bytes, , constantBytes] = contenders.map(({ allocated }) => `${(allocated() / 1000).toFixed(1)} kB`);
        tell({ name: `${name}, allocated, against Fastify`, cellstep: bytes, peer: constantBytes });
      }
      return [];
    } finally {
      for (const server of servers) server.disconnect();
      await asked.stop();
    }
  },
};

async function startWorker(name: string): Promise<ChildProcess> {
  const server = fork(fileURLToPath(new URL('../http/work-server.ts', import.meta.url)), [name], {
    serialization: 'advanced',
  });
  // One that ends early would be waited for.
  server.once('exit', (code) => {
    if (code) process.exit(1);
  });
  await once(server, 'message');
  return server;
}

/** Also tells how many bytes a request has allocated in the last round. */
function worked(server: ChildProcess, load: Load): Contender & { readonly allocated: () => number } {
  let last: RequestCost | undefined;
  return {
    name: load.paths[0],
    allocated: () => last?.bytes ?? 0,
    async measure(ms) {
      server.send({ load, ms });
      const [cost]: RequestCost[] = await once(server, 'message');
      last = cost;
      return cost.ns;
    },
  };
}
