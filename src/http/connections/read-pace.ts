import type { Socket } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { FairQueue } from '../../threads/fair-queue.ts';
import { SHORT_CHUNKS } from '../bodies/gathered-message.ts';
import { clientAt } from '../callers/callers.ts';

/** Requests of one client that are read in a turn of the event loop, of all its connections; a little more with the last. */
const TURN_REQUESTS = 2048;
/** To read the end of a connection, or what is no HTTP, and to close it, takes as long as to read so many requests. */
const END_REQUESTS = 32;
/** One that comes behind others of its connection counts as so many: it waits for their answers anyway. */
const BEHIND_REQUESTS = 4;
/** To read so many short pieces of a body as the server is told of together takes as long as so many requests. */
const PIECES_REQUESTS = 32;
/** A client whose chunks are too short is not read for so long: one read of them takes up to 20 ms of the processor. */
const REST_MS = 100;
/** Stopped connections that are read again in each turn. */
const TURN_RESUMED = 64;

/**
 * Reads so many requests of each client in a turn of the event loop. Node by itself reads all connections that have something:
 * hundreds that pipeline, hang up or send what is no HTTP at once hold the loop until the last is read. Those of such a client are
 * stopped, and some of them are read again in each turn; clients take turns. They are told apart by their addresses.
 */
export function paceReads({ server, initialConfig }: FastifyInstance): void {
  /** Those of each client, without those that have become streams with a pace of their own. */
  const connections = new Map<string, Set<Socket>>();
  const stopped = new FairQueue<Socket>();
  /** Connections of clients that are not read for a while. */
  const resting = new Map<string, Set<Socket>>();
  /** What was read in this turn, of each client. */
  const read = new Map<string, number>();
  /** The connection that was read last in this turn. */
  let last: Socket | undefined;
  let turning = false;

  function add(socket: Socket): void {
    const client = clientAt(socket.remoteAddress);
    const sockets = connections.get(client);
    if (sockets) sockets.add(socket);
    else connections.set(client, new Set([socket]));
    if (resting.has(client)) hold(client, socket);
    socket.once('end', () => took(client, END_REQUESTS));
    socket.once('close', () => remove(client, socket));
  }

  function remove(client: string, socket: Socket): void {
    const sockets = connections.get(client);
    sockets?.delete(socket);
    if (sockets?.size === 0) connections.delete(client);
    stopped.remove(client, socket);
    resting.get(client)?.delete(socket);
  }

  function took(client: string, requests: number): void {
    const before = read.get(client) ?? 0;
    read.set(client, before + requests);
    if (before < TURN_REQUESTS && before + requests >= TURN_REQUESTS) stop(client);
    turn();
  }

  function stop(client: string): void {
    for (const socket of connections.get(client) ?? []) {
      // Node stops it too, while a body or a reply waits, and then goes on by itself.
      if (!socket.isPaused()) hold(client, socket);
    }
  }

  function hold(client: string, socket: Socket): void {
    socket.pause();
    const rest = resting.get(client);
    if (rest) rest.add(socket);
    else stopped.add(client, socket);
  }

  function rest(client: string): void {
    if (resting.has(client)) return;
    const held = new Set<Socket>();
    resting.set(client, held);
    stop(client);
    setTimeout(() => {
      resting.delete(client);
      for (const socket of held) stopped.add(client, socket);
      turn();
    }, REST_MS).unref();
  }

  function turn(): void {
    if (turning) return;
    turning = true;
    setImmediate(() => {
      turning = false;
      read.clear();
      last = undefined;
      for (let k = 0; k < TURN_RESUMED; k++) {
        const socket = stopped.take();
        // What comes after the last answer is not read.
        if (socket?.writable) socket.resume();
      }
      if (stopped.size > 0) turn();
    });
  }

  // Over TLS, requests name the inner socket.
  server.on(initialConfig.https ? 'secureConnection' : 'connection', add);
  server.on('request', ({ socket }) => {
    took(clientAt(socket.remoteAddress), socket === last ? BEHIND_REQUESTS : 1);
    last = socket;
  });
  server.on('pieces', (socket: Socket) => took(clientAt(socket.remoteAddress), PIECES_REQUESTS));
  server.on('clientError', (error, socket) => {
    const client = clientAt((socket as Socket).remoteAddress);
    if ('code' in error && error.code === SHORT_CHUNKS) rest(client);
    else took(client, END_REQUESTS);
  });
  server.on('upgrade', (_request, socket) => remove(clientAt((socket as Socket).remoteAddress), socket as Socket));
}
