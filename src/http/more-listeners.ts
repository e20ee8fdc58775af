import { createServer, type Server as NetServer } from 'node:net';
import type { FastifyInstance } from 'fastify';

/** Sockets that listen at the port of the service, the one of the app among them. */
const LISTENERS = 32;

/**
 * Lets several connections be opened in one turn of the event loop. Node takes one of each listening socket in a turn: where
 * many come at once and turns are long, a new client waits for all before it. The operating system spreads connections over
 * sockets that share a port.
 */
export class MoreListeners {
  private readonly app: FastifyInstance;
  private readonly listeners: NetServer[] = [];
  private closed: Promise<unknown> | undefined;

  constructor(app: FastifyInstance) {
    this.app = app;
    app.addHook('preClose', async () => {
      this.closed = Promise.all(this.listeners.map((listener) => new Promise((resolve) => listener.close(resolve))));
    });
    app.addHook('onClose', () => this.closed?.then(() => undefined));
  }

  /** At the address of the app, which listens with `reusePort`. @throws the error of listen */
  async listen(host: string, port: number): Promise<void> {
    const { server } = this.app;
    while (this.listeners.length < LISTENERS - 1) {
      // Connections are made as http.Server makes its own.
      const listener = createServer({ allowHalfOpen: true, noDelay: true });
      listener.on('connection', (socket) => server.emit('connection', socket));
      this.listeners.push(listener);
      await new Promise<void>((resolve, reject) => {
        listener.once('error', reject).listen({ host, port, reusePort: true }, resolve);
      });
    }
  }
}

declare module 'fastify' {
  interface FastifyInstance {
    /** Adds sockets that listen at the address of the app, which listens with `reusePort`. @throws the error of listen */
    readonly listenMore: (host: string, port: number) => Promise<void>;
  }
}
