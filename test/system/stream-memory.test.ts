import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { beforeEach, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import type { ServiceProcess } from '../../scripts/tutorial-service.ts';
import { encoded, GrpcClient } from '../support/grpc.ts';
import { send, service } from './support.ts';

const MIB = 2 ** 20;
/** What a process may hold for one client, garbage of V8 included. */
const MOST = 384 * MIB;
/** What an endless client tries to send. */
const ENDLESS = 1024 * MIB;
/** A client that nobody reads from for so long is held up. */
const HELD_UP_MS = 3_000;

let running: ServiceProcess;

/** Memory of the process in bytes: now, or the most since `forgetPeak`. */
function memory(which: 'VmRSS' | 'VmHWM'): number {
  const [, kilobytes] =
    new RegExp(`${which}:\\s+(\\d+) kB`).exec(readFileSync(`/proc/${running.child.pid}/status`, 'utf8')) ?? [];
  return Number(kilobytes) * 1024;
}

/** How much more memory the process had at most while `act` ran. */
async function grownBy(act: () => Promise<void>): Promise<number> {
  writeFileSync(`/proc/${running.child.pid}/clear_refs`, '5');
  const before = memory('VmRSS');
  await act();
  return memory('VmHWM') - before;
}

async function makeSessions(): Promise<void> {
  const wide = { id: 'wide', class_name: 'SimpleRNNCell', config: { units: 1 }, input_shape: [null, 1_000] };
  const large = { id: 'large', class_name: 'SimpleRNNCell', config: { units: 500 }, input_shape: [null, 1] };
  for (const [path, body] of [
    ['/v1/cells', wide],
    ['/v1/cells', large],
    ['/v1/sessions', { id: 'wide', cell: 'wide' }],
    ...Array.from({ length: 20 }, (_, n) => ['/v1/sessions', { id: `l${n}`, cell: 'large', batch_size: 200 }] as const),
  ] as const) {
    const { status, text } = await send(running.url, path, body);
    expect(status, text).toBe(201);
  }
}

const LONG_LINE = JSON.stringify({ session: 'wide', inputs: [Array(1_000).fill(0.125)] });
/** A small message whose answer has a megabyte and more. */
const largeStep = (id: number) =>
  JSON.stringify({ id, session: `l${id % 20}`, inputs: Array(200).fill([0.1]), return_states: false });

/** Writes again and again until nothing moves any more, or it is over. Returns the bytes that were taken. */
async function sendEndlessly(write: (done: () => void) => number, over: () => boolean): Promise<number> {
  let sent = 0;
  let moved = performance.now();
  let waiting = 0;
  while (sent < ENDLESS && !over() && performance.now() - moved < HELD_UP_MS) {
    if (waiting > 64) {
      await delay(5);
      continue;
    }
    waiting += 1;
    sent += write(() => {
      waiting -= 1;
      moved = performance.now();
    });
    if (sent % MIB < 10_000) await delay(0);
  }
  return sent;
}

beforeEach(async () => {
  running = await service({ CELLSTEP_GRPC_PORT: '0', CELLSTEP_LOG_LEVEL: 'info' });
  await makeSessions();
});

describe('the memory of a process stays bounded', () => {
  it('while a client sends lines without end and reads their answers', async () => {
    const grown = await grownBy(async () => {
      const headers = { 'content-type': 'application/jsonl' };
      const outgoing = request(`${running.url}/v1/steps`, { method: 'POST', headers });
      outgoing.flushHeaders();
      const [incoming] = await once(outgoing, 'response');
      let answers = 0;
      incoming.on('data', (chunk: Buffer) => {
        for (const byte of chunk) if (byte === 10) answers += 1;
      });
      const lines = 20_000;
      for (let n = 0; n < lines; n++) {
        if (!outgoing.write(`${LONG_LINE}\n`)) await once(outgoing, 'drain');
      }
      outgoing.end();
      await once(incoming, 'end');
      expect(answers).toBe(lines);
    });
    expect(grown).toBeLessThan(MOST);
  });

  it('while a client sends lines without end and never reads', async () => {
    const grown = await grownBy(async () => {
      const headers = { 'content-type': 'application/jsonl' };
      const outgoing = request(`${running.url}/v1/steps`, { method: 'POST', headers });
      outgoing.flushHeaders();
      const [incoming] = await once(outgoing, 'response');
      incoming.pause();
      const sent = await sendEndlessly(
        (done) => {
          const line = `${largeStep(1)}\n`.repeat(50);
          outgoing.write(line, done);
          return line.length;
        },
        () => outgoing.destroyed,
      );
      expect(sent).toBeLessThan(100 * MIB);
      outgoing.destroy();
    });
    expect(grown).toBeLessThan(MOST);
  });

  it('while a client sends to a socket without end and never reads, until it is closed with 1013 or held up', async () => {
    const grown = await grownBy(async () => {
      const socket = new WebSocket(`${running.url.replace('http', 'ws')}/v1/stream`, 'cellstep.v1');
      await once(socket, 'open');
      let closed: number | undefined;
      socket.on('close', (code) => {
        closed = code;
      });
      socket.pause();
      let id = 0;
      const sent = await sendEndlessly(
        (done) => {
          const message = largeStep(++id);
          socket.send(message, done);
          return message.length;
        },
        () => closed !== undefined,
      );
      expect(sent).toBeLessThan(100 * MIB);
      socket.resume();
      socket.terminate();
    });
    expect(grown).toBeLessThan(MOST);
  });

  it('while a client gets large answers to many messages at once, all of which it reads', async () => {
    const grown = await grownBy(async () => {
      const socket = new WebSocket(`${running.url.replace('http', 'ws')}/v1/stream`, 'cellstep.v1');
      await once(socket, 'open');
      const answered = new Set<number>();
      const all = new Promise<void>((resolve, reject) => {
        socket.on('message', (data: Buffer) => {
          expect(data.length).toBeGreaterThan(500_000);
          answered.add(JSON.parse(data.toString()).id);
          if (answered.size === 300) resolve();
        });
        socket.on('close', (code) => reject(new Error(`closed with ${code}`)));
      });
      for (let id = 1; id <= 300; id++) socket.send(largeStep(id));
      await all;
      socket.removeAllListeners('close').terminate();
    });
    expect(grown).toBeLessThan(MOST);
  });

  it('while a client of gRPC sends to a stream without end and never reads', async () => {
    const [, port] = /gRPC listening at 127\.0\.0\.1:(\d+)/.exec(running.stdout()) ?? [];
    const client = new GrpcClient(Number(port));
    const message = encoded('ModelInferRequest', {
      model_name: 'large',
      inputs: [{ name: 'inputs', datatype: 'FP32', shape: [200, 1] }],
      raw_input_contents: [Buffer.alloc(800)],
    });
    const grown = await grownBy(async () => {
      const stream = client.stream();
      stream.pause();
      stream.on('error', () => undefined);
      const sent = await sendEndlessly(
        (done) => {
          stream.write(message, done);
          return message.length;
        },
        () => stream.destroyed,
      );
      expect(sent).toBeLessThan(100 * MIB);
      stream.cancel();
    });
    client.close();
    expect(grown).toBeLessThan(MOST);
  });
});
