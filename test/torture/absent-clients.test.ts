import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { until } from '../support/until.ts';
import { RetryingClient } from './client.ts';
import { createAgent } from './exchange.ts';
import { createRandom } from './random.ts';
import { CELL, FEATURES } from './reference-cell.ts';
import { ServiceProcess } from './service-process.ts';

const ABSENT = 150;
const STEPS = 200;

it('serves others while clients leave sessions, bodies and connections half done and never come back', async () => {
  const service = new ServiceProcess({ CELLSTEP_STORE: 'memory:', CELLSTEP_REQUEST_SECONDS: '2' });
  const agent = createAgent();
  const sockets: Socket[] = [];
  try {
    await service.start();
    const client = new RetryingClient({ agent, urls: () => [service.url], random: createRandom(1) });
    const post = async (path: string, body: unknown) => {
      const { answer } = await client.send({ method: 'POST', path, body });
      expect(answer.status, answer.text).toBeLessThan(300);
      return answer;
    };
    await post('/v1/cells', { id: 'cell', ...CELL });
    await post('/v1/sessions', { id: 'present', cell: 'cell' });

    const body = JSON.stringify({ inputs: [new Array(FEATURES).fill(1)] });
    const head = (path: string, length: number) =>
      `POST ${path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: ${length}\r\n\r\n`;
    const { port } = new URL(service.url);
    const leave = (text: string) => {
      const socket = connect(Number(port), '127.0.0.1', () => socket.write(text));
      // Nobody reads what it is told.
      socket.pause();
      socket.on('error', () => {});
      sockets.push(socket);
    };
    const open = (n: number) => JSON.stringify({ id: `left${n}`, cell: 'cell', ttl_seconds: 1 });
    for (let n = 0; n < ABSENT; n++) {
      // A session that nobody steps; a body that ends in the middle; a connection on which nothing ever comes.
      leave(head('/v1/sessions', open(n).length) + open(n));
      leave(head('/v1/sessions/present/steps', body.length) + body.slice(0, n % body.length));
      leave('');
    }
    const before = rss(service.pid);
    const { body: started } = await post('/v1/sessions/present/steps', { inputs: [new Array(FEATURES).fill(1)] });
    for (let n = 0; n < STEPS; n++) await post('/v1/sessions/present/steps', { inputs: [new Array(FEATURES).fill(1)] });
    await delay(4_000);
    const { body: ended } = await post('/v1/sessions/present/steps', { inputs: [new Array(FEATURES).fill(1)] });
    // No half of a body has become a step.
    expect(ended.step).toBe(started.step + STEPS + 1);
    const { answer } = await client.send({ method: 'GET', path: '/v1/sessions/left3' });
    expect(answer).toMatchObject({ status: 410, body: { code: 'session-expired' } });
    // Those who sent half a body were hung up on.
    const halves = sockets.filter((_, n) => n % 3 === 1).filter((socket) => !socket.destroyed && socket.readable);
    for (const socket of halves) socket.resume();
    await until(() => halves.every((socket) => socket.readableEnded || socket.destroyed));
    expect(rss(service.pid) - before).toBeLessThan(200 * 2 ** 20);
    expect((await client.send({ method: 'GET', path: '/readyz' })).answer.status).toBe(200);
  } finally {
    for (const socket of sockets) socket.destroy();
    agent.destroy();
    await service.stop('SIGKILL');
  }
});

/** Bytes that the process has in memory. */
function rss(pid: number | undefined): number {
  const [, kilobytes] = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Number(kilobytes) * 1024;
}
