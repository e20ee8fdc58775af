import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import type { ServiceProcess } from '../../scripts/tutorial-service.ts';
import { accumulator, endless, greedy, growing, nested } from '../support/onnx-models.ts';
import { until } from '../support/until.ts';
import { service, temporaryDirectory } from '../system/support.ts';

const MIB = 2 ** 20;
const MAX_BYTES = 512 * MIB;
/** What a process may have had for a moment, before it was ended. */
const MOMENT_BYTES = 512 * MIB;
/** Longer than a busy machine needs for what is refused for another reason than its time. */
const CELLSTEP_ONNX_SECONDS = '600';
const SETTINGS = { CELLSTEP_ONNX_SECONDS, CELLSTEP_ONNX_MAX_BYTES: `${MAX_BYTES}`, CELLSTEP_ONNX_PROCESSES: '1' };

interface Reply {
  readonly status: number;
  // biome-ignore lint/suspicious/noExplicitAny: tests reach into replies of every shape
  readonly body: any;
}

async function post(url: string, body: object): Promise<Reply> {
  const reply = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': body instanceof Uint8Array ? 'application/x-onnx' : 'application/json' },
    body: body instanceof Uint8Array ? Buffer.from(body) : JSON.stringify(body),
  });
  return { status: reply.status, body: await reply.json() };
}

/** A service with a harmless graph that counts its steps, and a session on it. */
async function serving(settings: Record<string, string> = {}): Promise<ServiceProcess> {
  const store = `lmdb:${join(temporaryDirectory(), 'data')}`;
  const running = await service({ ...SETTINGS, CELLSTEP_STORE: store, ...settings });
  await make(running, 'good', accumulator());
  expect(await goodStep(running)).toMatchObject({ status: 200, body: { step: 1 } });
  return running;
}

async function make({ url }: ServiceProcess, id: string, file: Uint8Array): Promise<void> {
  const made = await post(`${url}/v1/cells?graph=true&id=${id}`, file);
  expect(made.status, JSON.stringify(made.body)).toBe(201);
  expect((await post(`${url}/v1/sessions`, { id, cell: id })).status).toBe(201);
}

const step = ({ url }: ServiceProcess, id: string, named_inputs: object) =>
  post(`${url}/v1/sessions/${id}/steps`, { named_inputs });
const goodStep = (running: ServiceProcess) => step(running, 'good', { x: [[1, 1]], gain: 1 });

/** The processes of the runtime that a service has. */
function childrenOf(parent: number | undefined): number[] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return pids.map(Number).filter((pid) => {
    try {
      const [, rest] = /^\d+ \(.*\) (.*)$/s.exec(readFileSync(`/proc/${pid}/stat`, 'utf8')) ?? [];
      return Number(rest?.split(' ')[1]) === parent;
    } catch {
      return false;
    }
  });
}

/** Waits until a process of the runtime has computed for a while. */
async function isComputing({ child }: ServiceProcess): Promise<void> {
  const ticks = () =>
    childrenOf(child.pid).reduce((sum, pid) => {
      // Of the processor, hundredths of a second: the first of the fields behind the name is the third.
      const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
      return sum + Number(fields[11]) + Number(fields[12]);
    }, 0);
  const before = ticks();
  await until(() => ticks() > before + 30);
}

/** The most memory that a process, and those that it starts, have had. */
function watchMemory(pid: number | undefined): () => number {
  let most = 0;
  const timer = setInterval(() => {
    for (const child of childrenOf(pid)) {
      try {
        const status = readFileSync(`/proc/${child}/status`, 'utf8');
        most = Math.max(most, 1024 * Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0));
      } catch {
        // It has ended.
      }
    }
  }, 5);
  onTestFinished(() => clearInterval(timer));
  return () => most;
}

function residentBytes(pid: number | undefined): number {
  return 1024 * Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
}

it('ends a graph that never ends, and goes on with the others', async () => {
  const running = await serving({ CELLSTEP_ONNX_SECONDS: '10' });
  await make(running, 'endless', endless());
  const short = await step(running, 'endless', { x: [[1, 2]], rounds: 3 });
  expect(short.body).toMatchObject({ step: 1 });
  const [long, good] = await Promise.all([
    step(running, 'endless', { x: [[1, 2]], rounds: '4611686018427387904' }),
    goodStep(running),
  ]);
  expect(long).toMatchObject({ status: 422, body: { code: 'limit-exceeded' } });
  expect(long.body.detail).toMatch(/ran for more than 10 s/);
  expect(good).toMatchObject({ status: 200, body: { step: 2 } });
  expect((await step(running, 'endless', { x: [[1, 2]], rounds: 3 })).body).toMatchObject({ step: 2 });
});

it('refuses graphs that take more memory than they may, which never have it', async () => {
  const running = await serving();
  await make(running, 'greedy', greedy(false));
  await make(running, 'growing', growing());
  const before = residentBytes(running.child.pid);
  const most = watchMemory(running.child.pid);
  for (const size of [10_000_000_000, 2 ** 40, 125_000_000, 260_000_000]) {
    const reply = await step(running, 'greedy', { size: [size] });
    expect(reply, `${size}`).toMatchObject({ status: 422, body: { code: 'limit-exceeded' } });
    expect(reply.body.detail).toMatch(/needs more than 512 MiB/);
  }
  const grown = await step(running, 'growing', { x: Array(1024).fill(1), rounds: 40 });
  expect(grown).toMatchObject({ status: 422, body: { code: 'limit-exceeded' } });
  expect((await step(running, 'greedy', { size: [1000] })).body).toMatchObject({ step: 1 });
  expect(await goodStep(running)).toMatchObject({ status: 200 });
  console.log(`Peak of a runtime's process: ${Math.round(most() / MIB)} MiB of ${MAX_BYTES / MIB} allowed`);
  expect(most()).toBeLessThan(MAX_BYTES + MOMENT_BYTES);
  expect(residentBytes(running.child.pid) - before).toBeLessThan(200 * MIB);
});

it('refuses results, shapes and nesting that are too large', async () => {
  const running = await serving({ CELLSTEP_MAX_THING_BYTES: `${4 * MIB}` });
  await make(running, 'whole', greedy(true));
  expect((await step(running, 'whole', { size: [1000] })).body).toMatchObject({ step: 1 });
  const large = await step(running, 'whole', { size: [3 * MIB] });
  expect(large).toMatchObject({ status: 422, body: { code: 'limit-exceeded' } });
  expect(large.body.detail).toMatch(/CELLSTEP_MAX_THING_BYTES/);
  expect(await post(`${running.url}/v1/cells?graph=true`, nested(8))).toMatchObject({ status: 201 });
  const deep = await post(`${running.url}/v1/cells?graph=true`, nested(40));
  expect(deep).toMatchObject({ status: 422, body: { code: 'invalid-file' } });
  expect(await goodStep(running)).toMatchObject({ status: 200 });
});

it('refuses only the step under way where the process of the runtime dies, and starts another', async () => {
  const running = await serving();
  await make(running, 'endless', endless());
  const long = step(running, 'endless', { x: [[1, 2]], rounds: '4611686018427387904' });
  await isComputing(running);
  const good = goodStep(running);
  for (const pid of childrenOf(running.child.pid)) process.kill(pid, 'SIGKILL');
  expect(await long).toMatchObject({ status: 503, body: { code: 'compute-failed' } });
  expect(await good).toMatchObject({ status: 200, body: { step: 2 } });
  expect(await goodStep(running)).toMatchObject({ status: 200, body: { step: 3 } });
});

it('leaves no process behind where the service is killed in the middle of a run', async () => {
  const running = await serving();
  await make(running, 'endless', endless());
  step(running, 'endless', { x: [[1, 2]], rounds: '4611686018427387904' }).catch(() => undefined);
  await isComputing(running);
  const children = childrenOf(running.child.pid);
  expect(children).toHaveLength(1);
  await running.stop('SIGKILL');
  const isThere = (pid: number) => {
    try {
      return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
    } catch {
      return false;
    }
  };
  await until(() => !children.some(isThere));
});
