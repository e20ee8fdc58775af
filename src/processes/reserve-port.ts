import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';

/**
 * The port that the workers are to share: a free one for 0. It is taken for a moment, and alone, which fails where any
 * other service has it, also one that would share it. @throws the error of listen
 */
export async function reservePort(host: string, port: number): Promise<number> {
  const server = createServer().listen({ host, port });
  await once(server, 'listening');
  const { port: reserved } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return reserved;
}
