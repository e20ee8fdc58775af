import { createServer } from 'node:http';

/**
 * The least that a server on node:http can do: it reads the whole body, and answers with a constant of the size and type
 * that the path says (`/<bytes>/json` or `/<bytes>/binary`). Prints its port.
 */
const TYPES: Readonly<Record<string, string>> = {
  json: 'application/json; charset=utf-8',
  binary: 'application/x-safetensors',
};

const server = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    Buffer.concat(chunks);
    const [, bytes, type] = (request.url ?? '').split('/');
    const body = bodyOf(Number(bytes), type);
    response.writeHead(200, { 'content-type': TYPES[type], 'content-length': body.length });
    response.end(body);
  });
});

const bodies = new Map<string, string | Buffer>();

function bodyOf(bytes: number, type: string): string | Buffer {
  const key = `${bytes} ${type}`;
  const known = bodies.get(key);
  if (known) return known;
  const body = type === 'json' ? `"${'0'.repeat(bytes - 2)}"` : Buffer.alloc(bytes);
  bodies.set(key, body);
  return body;
}

server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  if (address !== null && typeof address === 'object') process.stdout.write(`${address.port}\n`);
});
