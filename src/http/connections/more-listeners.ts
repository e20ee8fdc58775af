import { createServer, type Server as NetServer } from 'node:net';
import { Arrivals } from '../admission/arrivals.ts';

/** Sockets that listen at the port of the service, the one of the server among them. */
const LISTENERS = 64;

export interface Address {
  readonly host: string;
  readonly port: number;
  /** Other sockets may listen there too. */
  readonly reusePort: boolean;
}

/**
 * Lets several connections be accepted in one turn of the event loop. Node takes one of each listening socket in a turn: where
 * many come at once and turns are long, a new client waits for all before it. The operating system spreads connections over
 * sockets that share a port.
 */
export class MoreListeners {
  private readonly server: NetServer;
  private readonly arrivals: Arrivals;
  private readonly listeners: NetServer[] = [];

  constructor(server: NetServer) {
    this.server = server;
    this.arrivals = new Arrivals(server);
  }

  /** At the address of the server, which shares its port. @throws the error of listen */
  async listen(address: Address): Promise<void> {
    while (this.listeners.length < LISTENERS - 1) {
      // Connections are as the server makes its own, but nothing is read of those that wait.
      const { allowHalfOpen } = this.server as { allowHalfOpen?: boolean };
      const listener = createServer({ allowHalfOpen, noDelay: true, pauseOnConnect: true });
      listener.on('connection', (socket) => this.server.emit('connection', socket));
      this.listeners.push(listener);
      await new Promise<void>((resolve, reject) => {
        listener.once('error', reject).listen(address, resolve);
      });
    }
  }

  /** Takes no connections any more. Resolves when those that came here are closed. */
  async close(): Promise<void> {
    this.arrivals.close();
    await Promise.all(this.listeners.map((listener) => new Promise((resolve) => listener.close(resolve))));
  }
}

declare module 'fastify' {
  interface FastifyInstance {
    /** Adds sockets that listen at the address of the app, which shares its port. @throws the error of listen */
    readonly listenMore: (address: Address) => Promise<void>;
  }
}
