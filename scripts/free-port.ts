import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';

/**
 * Below the ports that systems choose for whoever asks for any, and for connections: from 32768 on Linux, from 49152 elsewhere. So nobody
 * is given one between two starts of a process that is to have it. Above 10080, to which browsers do not connect.
 */
const [FIRST, END] = [11_000, 32_768];

/** Ports that somebody in this process has been told of, and may not listen at yet. */
const given = new Set<number>();

/** A port that nobody listens at. Never the same twice. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(FIRST, END);
    if (given.has(port)) continue;
    given.add(port);
    const server = createServer().listen(port, '127.0.0.1');
    try {
      await once(server, 'listening');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') continue;
      throw error;
    }
    server.close();
    await once(server, 'close');
    return port;
  }
}
