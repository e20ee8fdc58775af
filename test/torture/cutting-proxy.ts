import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import type { Random } from './random.ts';

/** Bytes after which a connection is cut, in either direction. */
const [FEWEST, MOST] = [200, 40_000];

/** A way to the service that cuts each connection at a random byte, of a request or of an answer. */
export class CuttingProxy {
  cuts = 0;
  private readonly target: () => string;
  private readonly random: Random;
  private readonly sockets = new Set<Socket>();
  private readonly server = createServer((client) => this.accept(client));

  constructor(target: () => string, random: Random) {
    this.target = target;
    this.random = random;
  }

  async start(): Promise<void> {
    this.server.listen({ host: '127.0.0.1', port: 0 });
    await once(this.server, 'listening');
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  stop(): void {
    this.server.close();
    for (const socket of this.sockets) socket.destroy();
  }

  private accept(client: Socket): void {
    const { port, hostname } = new URL(this.target());
    const service = connect({ port: Number(port), host: hostname });
    const both = [client, service];
    const cut = () => {
      for (const socket of both) socket.destroy();
    };
    for (const socket of both) {
      this.sockets.add(socket);
      socket.on('error', cut).on('close', () => {
        this.sockets.delete(socket);
        cut();
      });
    }
    const [way, other] = this.random.chance(0.5) ? [client, service] : [service, client];
    this.cutAfter(way, other, this.random.integer(FEWEST, MOST), cut);
    other.pipe(way);
  }

  /** Passes on so many bytes, and then cuts. */
  private cutAfter(from: Socket, to: Socket, bytes: number, cut: () => void): void {
    let left = bytes;
    from.on('data', (chunk: Buffer) => {
      to.write(chunk.subarray(0, left));
      left -= chunk.length;
      if (left > 0) return;
      this.cuts += 1;
      // What was passed on arrives.
      setImmediate(cut);
    });
    from.on('end', () => to.end());
  }
}
