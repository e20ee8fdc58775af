import type { IncomingMessage, ServerResponse } from 'node:http';

/**
 * The least that a server on node:http can do: it reads the whole body, and answers with a constant of the size and type
 * that the path says (`/<bytes>/json` or `/<bytes>/binary`).
 */
export function answerConstant(request: IncomingMessage, response: ServerResponse): void {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    Buffer.concat(chunks);
    const { body, type } = constantOf(request.url ?? '');
    response.writeHead(200, { 'content-type': type, 'content-length': body.length });
    response.end(body);
  });
}

const TYPES: Readonly<Record<string, string>> = {
  json: 'application/json; charset=utf-8',
  binary: 'application/x-safetensors',
};

interface Constant {
  readonly type: string;
  readonly body: string | Buffer;
}

const constants = new Map<string, Constant>();

/** What such a path is answered with. */
export function constantOf(path: string): Constant {
  const known = constants.get(path);
  if (known) return known;
  const [, bytes, type] = path.split('/');
  const body = type === 'json' ? `"${'0'.repeat(Number(bytes) - 2)}"` : Buffer.alloc(Number(bytes));
  const constant = { type: TYPES[type], body };
  constants.set(path, constant);
  return constant;
}
