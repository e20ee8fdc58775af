import { setTimeout as delay } from 'node:timers/promises';
import type { Attack } from '../attack.ts';
import { head } from '../target.ts';

const MIB = 2 ** 20;

/** Connections that are held, and requests that never end. */
export const CONNECTIONS: readonly Attack[] = [
  {
    name: '30 uploads stalled at 90 MB',
    run: async (target) => {
      const file = head('POST', '/v1/cells', {
        'content-type': 'application/x-safetensors',
        'content-length': 96 * MIB,
      });
      await target.silent(30, Buffer.concat([file, Buffer.alloc(90 * MIB)]));
    },
  },
  {
    name: '1,000 connections that say nothing, and 1,000 that say a byte at a time',
    run: async (target) => {
      for (let k = 0; k < 1_000; k++) target.open(Buffer.alloc(0));
      const slow = Array.from({ length: 1_000 }, () => target.open(Buffer.from('GET /v1/cells HTTP/1.1\r\nx-a: ')));
      const end = performance.now() + target.seconds * 1000;
      while (performance.now() < end) {
        for (const socket of slow) if (!socket.pending && socket.writable) socket.write('a');
        await delay(500);
      }
    },
  },
  {
    name: '1,000 connections that send at once what is no HTTP',
    run: async (target) => {
      const sockets = Array.from({ length: 1_000 }, () => target.open(Buffer.alloc(0)));
      await delay(500);
      for (const socket of sockets) socket.write('no HTTP\r\n');
      await delay(target.seconds * 1000);
    },
  },
  {
    name: '300 connections that send at once 64 KiB of requests each',
    run: async (target) => {
      const sockets = Array.from({ length: 300 }, () => target.open(Buffer.alloc(0)));
      const short = Buffer.from('GET / HTTP/1.1\r\nhost: a\r\n\r\n');
      const many = Buffer.concat(Array(Math.floor(2 ** 16 / short.length)).fill(short));
      await delay(500);
      for (const socket of sockets) socket.write(many);
      await delay(target.seconds * 1000);
    },
  },
  {
    name: 'a storm of new connections',
    run: (target) =>
      target.flood(50, async () => {
        const socket = target.open(head('GET', '/v1/ops'));
        await delay(5);
        socket.destroy();
      }),
  },
  {
    name: 'pages of other sites',
    run: async (target) => {
      const reply = await fetch(`${target.url}/v1/checkpoints`, {
        method: 'POST',
        headers: { origin: 'https://evil.example' },
      });
      const socket = target.open(head('POST', '/v1/checkpoints', { host: 'evil.example', 'content-length': 0 }));
      const [line] = await new Promise<string[]>((resolve) =>
        socket.once('data', (data) => resolve(`${data}`.split('\r\n'))),
      );
      if (reply.status !== 403 || !line.includes(' 403 ')) return `answered ${reply.status} and ${line}`;
    },
  },
];
