import type { Server as NetServer, Socket } from 'node:net';
import { FairQueue } from '../../threads/fair-queue.ts';
import { networkOf } from '../callers/network-of.ts';

/** Connections that are opened in one turn of the event loop. */
const TURN_CONNECTIONS = 8;
/** Connections that may wait, of each address and of all. */
const MOST_WAITING = { each: 1024, all: 8192 };

/**
 * New connections of a server, so many in each turn of the event loop; addresses take turns. To open one, and to read its first
 * request, takes five times as long as to accept it. So a storm from one address waits here, not in the queue of the operating system
 * that all share, and its end is cut off.
 */
export class Arrivals {
  private readonly waiting = new FairQueue<Socket>();
  private readonly open: (socket: Socket) => void;
  private left = TURN_CONNECTIONS;
  private turning = false;

  /** Whoever has listened to the connections of the server so far hears of each when it is opened. */
  constructor(server: NetServer) {
    const listeners = server.listeners('connection');
    this.open = (socket) => {
      socket.off('error', ignore);
      for (const listen of listeners) listen.call(server, socket);
      if (socket.isPaused()) socket.resume();
    };
    server.removeAllListeners('connection').on('connection', (socket: Socket) => this.take(socket));
  }

  /** Ends those that wait. */
  close(): void {
    for (const socket of this.waiting.clear()) socket.destroy();
  }

  private take(socket: Socket): void {
    const address = networkOf(socket.remoteAddress);
    const { waiting } = this;
    if (waiting.sizeOf(address) >= MOST_WAITING.each || waiting.size >= MOST_WAITING.all) return void socket.destroy();
    waiting.add(address, socket.on('error', ignore));
    if (this.turning) this.openNext();
    else this.turn();
  }

  private turn(): void {
    this.turning = true;
    this.left = TURN_CONNECTIONS;
    this.openNext();
    setImmediate(() => {
      this.turning = false;
      if (this.waiting.size > 0) this.turn();
    });
  }

  private openNext(): void {
    while (this.left > 0 && this.waiting.size > 0) {
      const socket = this.waiting.take();
      if (!socket || socket.destroyed) continue;
      this.left--;
      this.open(socket);
    }
  }
}

function ignore(): void {}
