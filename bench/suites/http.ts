import { SETTINGS, type Server, startCellstep, startLimit, startPython } from '../http/servers.ts';
import { cellstepLoad, fastApiLoad, inferenceLoad, KINDS, limitLoad, prepareCellstep } from '../http/steps.ts';
import { CONNECTIONS, type Load, type LoadedContender, loadedBy, wrkVersion } from '../http/wrk.ts';
import { interleave, type Measured, ratio } from '../measure.ts';
import { MissingPeer } from '../peers.ts';
import type { Suite } from '../report.ts';

/** Least ratios to the limit and to FastAPI; the tuned one has to be behind. */
type Goals = { readonly limit?: number; readonly fastApi?: number };

const GOALS: Readonly<Record<string, Goals>> = {
  'session, JSON, 64': { limit: 0.75, fastApi: 10 },
  'carried, JSON, 64': { limit: 0.75, fastApi: 6 },
  'session, binary, 64': { limit: 0.75 },
  'carried, binary, 64': { limit: 0.75 },
  'carried, JSON, 512': { fastApi: 5 },
  'carried, binary, 512': { fastApi: 7 },
};

export const suite: Suite = {
  about: `Requests a second, with the medians of p50 and p99: one step of an LSTM (16 → 64, 512 → 512) by one process, wrk on
one thread with ${CONNECTIONS} connections. cellstep keeps its sessions in memory (CELLSTEP_STORE=memory:) as FastAPI does, logs
warnings only, and uses no threads. The limit is a server on node:http that reads the same body and answers a constant of the same
size. FastAPI has PyTorch's cell on one thread, uvicorn with uvloop and httptools, and a pydantic body; tuned it has orjson by
hand, and for binary rows torch.frombuffer of the body. FastAPI's plain row is JSON in any case.`,
  async run(tell) {
    const versions = [wrkVersion()];
    const servers: { stop(): Promise<unknown> }[] = [];
    const keep = async <T extends { stop(): Promise<unknown> }>(starting: Promise<T>): Promise<T> => {
      const server = await starting;
      servers.push(server);
      return server;
    };
    /** A peer that can be left out. */
    const peer = (environment: string, program: string, ready: string): Promise<Server | undefined> =>
      keep(startPython(environment, program, ready)).catch((error: unknown) => {
        if (!(error instanceof MissingPeer)) throw error;
        process.stderr.write(`left out: ${error.message}\n`);
        return undefined;
      });
    try {
      const cellstep = await keep(startCellstep(SETTINGS));
      await prepareCellstep(cellstep.url);
      const limit = await keep(startLimit());
      const fastApi = await keep(startPython('.python', 'fastapi_steps.py', '/openapi.json'));
      const others = [
        { name: 'MLServer', server: await peer('.python-mlserver', 'mlserver_steps.py', '/v2/models/lstm512/ready') },
        { name: 'pytriton', server: await peer('.python-pytriton', 'pytriton_steps.py', '/v2/models/lstm512/ready') },
      ];
      for (const [name, goals] of Object.entries(GOALS)) {
        const kind = KINDS[name];
        const load = cellstepLoad(cellstep.url, kind);
        const own = loadedBy('cellstep', load);
        const contenders: { contender: LoadedContender; goal: number | undefined }[] = [];
        const add = (peerName: string, its: Load, goal?: number) =>
          contenders.push({ contender: loadedBy(peerName, its), goal });
        add('node:http', await limitLoad(limit.url, load, kind.binary), goals.limit);
        add('FastAPI', fastApiLoad(fastApi.url, 'plain', kind), goals.fastApi);
        add('FastAPI tuned', fastApiLoad(fastApi.url, kind.binary ? 'binary' : 'tuned', kind), 1);
        if (kind.carried && !kind.binary) {
          for (const { name: peerName, server } of others) {
            if (server) add(peerName, inferenceLoad(server.url, kind.units));
          }
        }
        const [mine, ...theirs] = await interleave([own, ...contenders.map(({ contender }) => contender)], {
          rounds: 5,
          ms: 1000,
        });
        for (const [k, measured] of theirs.entries()) {
          const { contender, goal } = contenders[k];
          tell({
            name: `${name}, against ${contender.name}`,
            cellstep: rate(mine, own),
            peer: rate(measured, contender),
            ratio: ratio(mine, measured),
            ...(goal === undefined ? {} : { goal }),
          });
        }
      }
      return versions;
    } finally {
      await Promise.all(servers.map((server) => server.stop()));
    }
  },
};

/** `17.2 k/s (1.8, 3.1 ms)` */
function rate({ ns }: Measured, contender: LoadedContender): string {
  const { p50, p99 } = contender.latency();
  return `${(1e6 / ns).toFixed(2)} k/s (${p50.toPrecision(2)}, ${p99.toPrecision(2)} ms)`;
}
