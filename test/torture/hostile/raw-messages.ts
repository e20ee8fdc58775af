import { connect } from 'node:net';
import { startService } from '../../../scripts/tutorial-service.ts';
import { createRandom, type Random } from '../random.ts';
import type { RunOptions } from '../run-options.ts';

const KEY = 'the-key-of-the-torture';
const ANSWER_MS = 60_000;
/** Connections at a time. */
const LANES = 16;
const PROBED_EVERY = 500;
/** A 5xx that the document gives a meaning; 505 would be right for a version of HTTP. */
const ALLOWED = new Set([501, 503, 505, 507]);

const head = (lines: readonly string[]) => `${lines.join('\r\n')}\r\n\r\n`;
const HOST = 'Host: localhost';
const BEARER = `Authorization: Bearer ${KEY}`;
const JSON_TYPE = 'Content-Type: application/json';
const STEP = '{"inputs":[[2]],"states":[[[1]]]}';

/** Messages that are right, to be damaged. */
const MESSAGES: readonly string[] = [
  head(['GET /v1/cells?limit=3 HTTP/1.1', HOST, BEARER]),
  head(['POST /v1/cells/cell/steps HTTP/1.1', HOST, BEARER, JSON_TYPE, `Content-Length: ${STEP.length}`]) + STEP,
  `${head(['POST /v1/cells/cell/steps HTTP/1.1', HOST, BEARER, JSON_TYPE, 'Transfer-Encoding: chunked'])}${STEP.length.toString(16)}\r\n${STEP}\r\n0\r\n\r\n`,
  head([
    'POST /v1/cells/cell/steps HTTP/1.1',
    HOST,
    BEARER,
    JSON_TYPE,
    'Expect: 100-continue',
    `Content-Length: ${STEP.length}`,
  ]) + STEP,
  head([
    'GET /v1/stream HTTP/1.1',
    HOST,
    BEARER,
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
    'Sec-WebSocket-Protocol: cellstep.v1',
  ]),
  head(['PUT /v1/cells/cell/weights HTTP/1.1', HOST, BEARER, 'Content-Type: application/x-npz', 'Content-Length: 4']) +
    'PK\x03\x04',
  `${head(['POST /v1/steps HTTP/1.1', HOST, BEARER, 'Content-Type: application/jsonl', 'Content-Length: 29'])}{"session":"s","inputs":[[1]]}`,
  head(['DELETE /v1/sessions/s HTTP/1.1', HOST, BEARER, 'If-Match: "1"']) + head(['GET /healthz HTTP/1.1', HOST]),
];

/** The same message with bytes flipped, cut out, repeated, put in, or with a line twice. */
function damage(message: string, random: Random): Buffer {
  let bytes = Buffer.from(message, 'latin1');
  for (let acts = random.integer(1, 4); acts > 0; acts--) {
    const at = random.integer(0, Math.max(0, bytes.length - 1));
    const rest = bytes.subarray(at);
    switch (random.integer(0, 5)) {
      case 0:
        if (bytes.length > 0) bytes[at] ^= 1 << random.integer(0, 7);
        break;
      case 1:
        bytes = Buffer.concat([bytes.subarray(0, at), rest.subarray(random.integer(1, 20))]);
        break;
      case 2:
        bytes = Buffer.concat([bytes.subarray(0, at), rest.subarray(0, 30), rest]);
        break;
      case 3: {
        const put = random.pick([
          '\r\n',
          '\n',
          '\r',
          '\0',
          ' ',
          ':',
          'Content-Length: 0\r\n',
          'Transfer-Encoding: chunked\r\n',
          'Host: evil\r\n',
          '%00',
          '..',
          '\xff'.repeat(9),
          '9'.repeat(30),
        ]);
        bytes = Buffer.concat([bytes.subarray(0, at), Buffer.from(put, 'latin1'), rest]);
        break;
      }
      case 4: {
        const lines = bytes.toString('latin1').split('\r\n');
        const line = random.integer(0, lines.length - 1);
        bytes = Buffer.from(lines.toSpliced(line, 0, lines[line]).join('\r\n'), 'latin1');
        break;
      }
      default:
        bytes = Buffer.from(bytes.subarray(0, at));
    }
  }
  return bytes;
}

/** All that is answered until the connection ends; the client sends no more after the message. */
function exchange(port: number, bytes: Buffer): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = '';
    const socket = connect(port, '127.0.0.1', () => socket.end(bytes));
    const late = setTimeout(() => {
      socket.destroy();
      reject(
        new Error(`neither an end nor an answer within ${ANSWER_MS} ms to ${JSON.stringify(bytes.toString('latin1'))}`),
      );
    }, ANSWER_MS);
    socket.setEncoding('latin1').on('data', (text) => {
      answer += text;
    });
    socket.on('error', () => undefined);
    socket.on('close', () => {
      clearTimeout(late);
      resolve(answer);
    });
  });
}

/**
 * Sends `size` damaged messages of HTTP, one a connection: none gets a 5xx or no end, and the service goes on.
 * @throws {Error} with the message and the answer
 */
export async function rawMessages({ seed, size, progress }: RunOptions) {
  const random = createRandom(seed);
  const service = await startService({
    CELLSTEP_STORE: 'memory:',
    CELLSTEP_API_KEYS: KEY,
    CELLSTEP_REQUEST_SECONDS: '2',
  });
  const port = Number(new URL(service.url).port);
  const answers: Record<string, number> = {};
  let sent = 0;
  async function lane(): Promise<void> {
    while (sent < size) {
      const number = sent++;
      const bytes = damage(random.pick(MESSAGES), random);
      const answer = await exchange(port, bytes);
      for (const [, status] of answer.matchAll(/^HTTP\/1\.1 (\d{3})/gm)) {
        answers[status] = (answers[status] ?? 0) + 1;
        if (Number(status) < 500 || ALLOWED.has(Number(status))) continue;
        throw new Error(`message ${number} ${JSON.stringify(bytes.toString('latin1'))} got ${answer}`);
      }
      if (number % PROBED_EVERY !== 0) continue;
      const { status } = await fetch(`${service.url}/healthz`);
      if (status !== 200) throw new Error(`/healthz ${status} after ${number} messages`);
      progress?.(`${number} messages`);
    }
  }
  try {
    const cell = { id: 'cell', class_name: 'SimpleRNNCell', config: { units: 1 }, input_shape: [null, 1] };
    const headers = { authorization: `Bearer ${KEY}`, 'content-type': 'application/json' };
    await fetch(`${service.url}/v1/cells`, { method: 'POST', headers, body: JSON.stringify(cell) });
    await Promise.all(Array.from({ length: LANES }, lane));
    if (service.child.exitCode !== null) throw new Error(`the service ended: ${service.stderr()}`);
    return { messages: sent, answers };
  } finally {
    await service.stop('SIGKILL');
  }
}
