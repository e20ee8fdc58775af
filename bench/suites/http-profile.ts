import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import type { Profiler } from 'node:inspector';
import { fileURLToPath } from 'node:url';
import { freePort } from '../../scripts/free-port.ts';
import { answers, SETTINGS } from '../http/servers.ts';
import { cellstepLoad, KINDS, prepareCellstep } from '../http/steps.ts';
import { loadedBy, wrkVersion } from '../http/wrk.ts';
import type { Suite } from '../report.ts';

const PROFILED = ['session, JSON, 64', 'carried, JSON, 64', 'carried, binary, 64'];

/** What a part of the work is known by: a function, or else the innermost file on the stack that says so. */
const PARTS: readonly (readonly [string, RegExp])[] = [
  ['zod', /schemas\/|http\/validation\.ts|node_modules\/zod\//],
  [
    'reading the body',
    /http\/(json-body|binary-body|body-bytes|lift-tensors|tensor-file|number-codec)\.ts|src\/formats\//,
  ],
  ['writing the reply', /http\/(json-text|number-text)\.ts|present\//],
  ['engine', /src\/engine\//],
  ['store and its records', /src\/store\/|domain\/(record|tensor-bytes)\.ts|services\/session-(record|bytes)\.ts/],
  ['use cases', /src\/(services|domain)\/|routes\//],
  ['metrics', /http\/(metrics|histogram)\.ts|prom-client/],
  ['Fastify, its router, the log, hooks', /src\/http\/|src\/app\.ts|node_modules\//],
  ['node:http, streams, turns of the loop', /^node:/],
];

export const suite: Suite = {
  about: `Where the time of one request goes, by the samples of V8's profiler (every 200 µs) while wrk loads the service as in the
suite http: microseconds of wall clock, and the share of all. A sample counts for the innermost part that is on its stack. The
write of a reply is the system call, in which the kernel carries the reply to its reader and wakes it.`,
  async run(tell) {
    const versions = [wrkVersion()];
    const port = await freePort();
    const url = `http://127.0.0.1:${port}`;
    const server = fork(fileURLToPath(new URL('../http/profiled-server.ts', import.meta.url)), {
      env: { ...process.env, ...SETTINGS, CELLSTEP_PORT: `${port}` },
      // Profiles are large.
      serialization: 'advanced',
    });
    try {
      if (!(await answers(url, '/readyz', 30))) throw new Error('cellstep has not started');
      await prepareCellstep(url);
      for (const name of PROFILED) {
        const load = loadedBy(name, cellstepLoad(url, KINDS[name]));
        await load.measure(2000);
        await ask(server, 'start');
        const nanoseconds = await load.measure(3000);
        const { parts, total } = shares((await ask(server, 'stop')) as Profiler.Profile);
        for (const [part, time] of [...parts].sort((a, b) => b[1] - a[1])) {
          const share = time / total;
          const microseconds = `${((share * nanoseconds) / 1000).toFixed(1)} µs`;
          tell({ name: `${name}: ${part}`, cellstep: microseconds, peer: `${(100 * share).toFixed(0)} %` });
        }
      }
      return versions;
    } finally {
      server.disconnect();
      server.kill();
      await once(server, 'exit');
    }
  },
};

async function ask(server: ChildProcess, message: 'start' | 'stop'): Promise<unknown> {
  server.send(message);
  const [answer] = await once(server, 'message');
  return answer;
}

/** Microseconds by part, without those in which there was nothing to do. */
function shares({ nodes, samples = [], timeDeltas = [] }: Profiler.Profile) {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const parents = new Map(nodes.flatMap(({ id, children = [] }) => children.map((child) => [child, id] as const)));
  const partOf = (id: number): string => {
    const own = byId.get(id)?.callFrame;
    if (own?.functionName.startsWith('(')) return `${own.functionName}`;
    if (/^write(Utf8String|Latin1String|Buffer|v)$/.test(own?.functionName ?? '')) return 'the write of the reply';
    for (let at: number | undefined = id; at !== undefined; at = parents.get(at)) {
      const url = byId.get(at)?.callFrame.url ?? '';
      const part = PARTS.find(([, pattern]) => pattern.test(url));
      if (part) return part[0];
    }
    return 'node:http, streams, turns of the loop';
  };
  const parts = new Map<string, number>();
  let total = 0;
  for (const [k, id] of samples.entries()) {
    const part = partOf(id);
    if (part === '(idle)') continue;
    total += timeDeltas[k];
    parts.set(part, (parts.get(part) ?? 0) + timeDeltas[k]);
  }
  return { parts, total };
}
