import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';

/**
 * The port for the workers to share; 0 picks a free one. Listens on it alone for a moment, which fails if any other service
 * has the port, even one that would share it. @throws the error of listen
 */
export async function reservePort(host: string, port: number): Promise<number> {
  const server = createServer().listen({ host, port });
  await once(server, 'listening');
  const { port: reserved } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return reserved;
}
