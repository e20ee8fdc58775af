import { createServer, type Server } from 'node:http';
import { Duplex } from 'node:stream';
import { getHeapStatistics } from 'node:v8';
import Fastify from 'fastify';
import { pino } from 'pino';
import { createApp } from '../../src/app.ts';
import { readConfig } from '../../src/config.ts';
import { openStore } from '../../src/store/open.ts';
import { answerConstant, constantOf } from './constant.ts';
import { SETTINGS } from './servers.ts';
import { prepareCellstep } from './steps.ts';
import { CONNECTIONS, type Load } from './wrk.ts';

/**
 * A server without its sockets: streams stand for 32 connections, which send their next request together, once all have
 * been answered. At the message of a load it answers with what a request takes.
 */
const SLICE_MS = 40;

/** What one request takes: nanoseconds of CPU, in the fastest slice, and bytes that are allocated on V8's heap. */
export interface RequestCost {
  readonly ns: number;
  readonly bytes: number;
}

async function startServer(name: string): Promise<Server> {
  if (name === 'node:http') return createServer(answerConstant);
  if (name === 'Fastify') {
    const app = Fastify();
    app.removeAllContentTypeParsers();
    app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
    app.post('/*', (request, reply) => {
      const { type, body } = constantOf(request.url);
      reply.header('content-type', type).send(body);
    });
    await app.ready();
    return app.server;
  }
  const config = readConfig(SETTINGS);
  const logger = pino({ level: config.logLevel });
  const app = await createApp({ store: await openStore(config.store), config, logger });
  await prepareCellstep(await app.listen({ host: '127.0.0.1', port: 0 }));
  return app.server;
}

/** The end of a connection that the server has, as far as node:http needs it. */
class Connection extends Duplex {
  private readonly answered: () => void;

  constructor(answered: () => void) {
    super({ decodeStrings: false, emitClose: false });
    this.answered = answered;
  }

  override _read(): void {}

  override _write(chunk: string | Buffer, _encoding: string, done: () => void): void {
    this.see(chunk);
    done();
  }

  override _writev(chunks: { chunk: string | Buffer }[], done: () => void): void {
    for (const { chunk } of chunks) this.see(chunk);
    done();
  }

  setTimeout(): this {
    return this;
  }

  /** Every reply begins with its head, as text; one that is turned away is bytes. */
  private see(chunk: string | Buffer): void {
    const head = typeof chunk === 'string' ? chunk : chunk.toString('latin1', 0, 1000);
    if (!head.startsWith('HTTP/1.1 ')) return;
    if (!head.startsWith('HTTP/1.1 200')) throw new Error(head.slice(0, 1000));
    this.answered();
  }
}

function requestsOf({ paths, headers, body }: Load): Buffer[] {
  const fields = Object.entries({ Host: 'localhost', ...headers, 'Content-Length': `${body.length}` });
  const head = fields.map(([name, value]) => `${name}: ${value}\r\n`).join('');
  return paths.map((path) => Buffer.concat([Buffer.from(`POST ${path} HTTP/1.1\r\n${head}\r\n`), body]));
}

const server = await startServer(process.argv[2]);
let waiting = 0;
let turnDone: () => void = () => undefined;
const connections = Array.from({ length: CONNECTIONS }, () => {
  const connection = new Connection(() => {
    if (--waiting === 0) setImmediate(turnDone);
  });
  server.emit('connection', connection);
  return connection;
});

function turn(requests: readonly Buffer[]): Promise<void> {
  return new Promise((resolve) => {
    turnDone = resolve;
    waiting = CONNECTIONS;
    for (const [k, connection] of connections.entries()) connection.push(requests[k % requests.length]);
  });
}

process.on('message', async ({ load, ms }: { load: Load; ms: number }) => {
  const requests = requestsOf(load);
  const slices: number[] = [];
  const before = getHeapStatistics().total_allocated_bytes;
  let answered = 0;
  for (const end = performance.now() + ms; performance.now() < end; ) {
    const started = process.cpuUsage();
    let turns = 0;
    for (const over = performance.now() + SLICE_MS; performance.now() < over; turns++) await turn(requests);
    const { user, system } = process.cpuUsage(started);
    slices.push(((user + system) * 1000) / (turns * CONNECTIONS));
    answered += turns * CONNECTIONS;
  }
  const bytes = (getHeapStatistics().total_allocated_bytes - before) / answered;
  process.send?.({ ns: Math.min(...slices), bytes } satisfies RequestCost);
});
// The one of cellstep listens, and would go on.
process.once('disconnect', () => process.exit());
process.send?.('ready');
