import { spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { freePort } from '../../scripts/free-port.ts';
import { findProgram } from '../../scripts/programs.ts';
import { REDIS_SERVER, startRedis } from '../../scripts/redis-servers.ts';
import type { ServiceProcess } from '../../scripts/tutorial-service.ts';
import { until } from '../support/until.ts';
import { SteppingClients } from '../system/stepping-client.ts';
import { logLines, openCounter, readCounter, send, service } from '../system/support.ts';

const HAPROXY = findProgram('haproxy');
if (!HAPROXY) console.warn('no haproxy in PATH: the topology of deploy/ does NOT run');
const STEP_ROUTE = '/v1/sessions/{session}/steps';
const CONFIGURATION = join(import.meta.dirname, '..', '..', 'deploy', 'haproxy.cfg');

/** The load balancer of deploy/ on a free port of this machine. */
async function startBalancer(
  replicas: readonly number[],
  settings: Readonly<Record<string, string>> = {},
): Promise<string> {
  const port = await freePort();
  const child = spawn(HAPROXY!, ['-db', '-f', CONFIGURATION], {
    // What stops it from starting is seen in the test's output.
    stdio: ['ignore', 'ignore', 'inherit'],
    env: {
      CELLSTEP_BALANCER_ADDRESS: `127.0.0.1:${port}`,
      CELLSTEP_REPLICA_1: `127.0.0.1:${replicas[0]}`,
      CELLSTEP_REPLICA_2: `127.0.0.1:${replicas[1]}`,
      ...settings,
    },
  });
  onTestFinished(async () => {
    if (child.exitCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'close');
  });
  return `http://127.0.0.1:${port}`;
}

describe.runIf(HAPROXY)('the load balancer of deploy/', () => {
  test('refuses an address that sends more requests than its share, before they reach a replica', async () => {
    const port = await freePort();
    await service({ CELLSTEP_PORT: `${port}`, CELLSTEP_ALLOWED_HOSTS: 'cellstep,127.0.0.1' });
    const url = await startBalancer([port, port], { CELLSTEP_BALANCER_RATE: '20' });
    await until(async () => (await send(url, '/readyz').catch(() => undefined))?.status === 200);
    // At once: a busy machine could spread them over more time than the balancer looks back.
    const answers = await Promise.all(Array.from({ length: 40 }, () => send(url, '/v1/cells')));
    const refused = answers.filter(({ status }) => status === 429);
    expect(refused.length).toBeGreaterThan(0);
    expect(refused.length).toBeLessThan(40);
    expect(refused[0].headers.get('retry-after')).toBe('10');
    expect(refused[0].headers.get('content-type')).toBe('application/problem+json');
    expect(JSON.parse(refused[0].text)).toMatchObject({ code: 'too-many-requests', status: 429 });
  });
});

/** A name server that gives one address for every name, until it is changed. */
async function startNames(address: string) {
  const names = { address, url: '' };
  const socket = createSocket('udp4', (query, from) => {
    const question = query.subarray(12, query.indexOf(0, 12) + 5);
    const isOfVersion4 = question.readUInt16BE(question.length - 4) === 1;
    const head = Buffer.from(query.subarray(0, 12));
    head.set([0x81, 0x80, 0, 1, 0, isOfVersion4 ? 1 : 0, 0, 0, 0, 0], 2);
    // The name of the question again, an address of the internet, for 0 s, of 4 bytes.
    const answer = Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4, ...names.address.split('.').map(Number)]);
    socket.send(Buffer.concat([head, question, ...(isOfVersion4 ? [answer] : [])]), from.port, from.address);
  });
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  onTestFinished(() => void socket.close());
  names.url = `127.0.0.1:${socket.address().port}`;
  return names;
}

describe.runIf(HAPROXY && process.platform === 'linux')('a replica of the load balancer of deploy/', () => {
  test('is found where its name leads to after it was replaced', async () => {
    const port = await freePort();
    const start = async (host: string) => {
      const server = createServer((_request, response) => response.end(host)).listen(port, host);
      onTestFinished(() => void server.close());
      await once(server, 'listening');
      return server;
    };
    const names = await startNames('127.0.0.2');
    const first = await start('127.0.0.2');
    const url = await startBalancer([port, port], {
      CELLSTEP_REPLICA_1: `replica.example:${port}`,
      CELLSTEP_REPLICA_2: `replica.example:${port}`,
      CELLSTEP_BALANCER_NAMES: names.url,
    });
    const isAnsweredBy = async (host: string) => (await send(url, '/').catch(() => undefined))?.text === host;
    await until(() => isAnsweredBy('127.0.0.2'));
    first.close();
    first.closeAllConnections();
    names.address = '127.0.0.3';
    await start('127.0.0.3');
    await until(() => isAnsweredBy('127.0.0.3'));
  });
});

describe.runIf(HAPROXY && REDIS_SERVER)('two replicas over one Redis, behind the load balancer of deploy/', () => {
  test('go on while one is killed, and while both are restarted in turn: every session steps on, nothing lost or twice', async () => {
    const redis = await startRedis('--appendonly', 'yes', '--appendfsync', 'always');
    onTestFinished(() => redis.remove());
    const ports = [await freePort(), await freePort()];
    const start = (n: number): Promise<ServiceProcess> =>
      service({
        CELLSTEP_STORE: redis.url,
        CELLSTEP_PORT: `${ports[n]}`,
        // The balancer's probe names cellstep; clients name what they reach.
        CELLSTEP_ALLOWED_HOSTS: 'cellstep,127.0.0.1',
      });
    const replicas = [await start(0), await start(1)];
    const url = await startBalancer(ports);
    const answers = async () => (await send(url, '/readyz').catch(() => undefined))?.status === 200;
    await until(answers);
    await openCounter(url);

    // Any replica serves any session, and sees what the other has put.
    for (const [n, other] of [replicas[1], replicas[0]].entries()) {
      const kernel = { weights: { kernel: [[n + 1]], recurrent_kernel: [[1]] } };
      const put = await fetch(`${replicas[n].url}/v1/cells/sum/weights`, {
        method: 'PUT',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(kernel),
      });
      expect(put.status, await put.text()).toBe(200);
      const { text } = await send(other.url, '/v1/cells/sum/steps', { inputs: [[1]] });
      expect(JSON.parse(text).output).toEqual([[n + 1]]);
    }
    const one = { weights: { kernel: [[1]], recurrent_kernel: [[1]] } };
    const back = await fetch(`${url}/v1/cells/sum/weights`, {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(one),
    });
    expect(back.status).toBe(200);

    const clients = new SteppingClients(url, 4);
    const more = async (count: number) => {
      const before = clients.acknowledged;
      await until(() => clients.acknowledged > before + count);
    };
    const steps = ({ stdout }: ServiceProcess) => logLines(stdout()).some(({ route }) => route === STEP_ROUTE);
    const ready = (n: number) => until(async () => (await send(replicas[n].url, '/readyz')).status === 200);
    await more(100);

    await replicas[0].stop('SIGKILL');
    await more(100);
    replicas[0] = await start(0);
    await ready(0);
    await more(50);
    const refusedByKill = clients.refused;

    for (const n of [1, 0]) {
      // The balancer has to have seen the one that came back.
      await until(() => steps(replicas[1 - n]));
      expect(await replicas[n].stop('SIGTERM')).toEqual({ code: 0, signal: null });
      await more(50);
      replicas[n] = await start(n);
      await ready(n);
      await more(50);
    }
    await clients.stop();
    const refusedByRestart = clients.refused - refusedByKill;
    console.log(
      `${clients.acknowledged} steps; refused: ${refusedByKill} around the kill, ${refusedByRestart} in the restart`,
    );
    // Each change has a key, so the balancer may send again what a replica that ends has not answered.
    expect(refusedByRestart).toBe(0);
    for (const { url: replica } of [...replicas, { url }]) {
      expect(await readCounter(replica)).toEqual({ step: clients.acknowledged, sum: clients.acknowledged });
    }
  });
});
