import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import type { Contender } from '../measure.ts';

/** Counts whole answers in the bytes of a connection. */
export type Counter = (chunk: Buffer) => number;

/** A connection that is open, past what begins it. */
export interface RawConnection {
  readonly socket: Socket;
  readonly count: Counter;
}

const [NEWLINE, BRACE] = Buffer.from('\n}');
/** An answer that takes longer never comes. */
const PATIENCE_MS = 30_000;

async function dial(url: string): Promise<Socket> {
  const { hostname, port } = new URL(url);
  const socket = connect({ host: hostname, port: Number(port), noDelay: true });
  await once(socket, 'connect');
  return socket;
}

/** Lines of JSON, over a request whose body never ends. */
export async function openLines(url: string): Promise<RawConnection> {
  const socket = await dial(url);
  const head =
    'POST /v1/steps HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/jsonl\r\ntransfer-encoding: chunked\r\n\r\n';
  socket.write(head);
  await once(socket, 'data');
  return { socket, count: lineCounter() };
}

/** Lines of a server, which may be cut anywhere. */
export function lineCounter(): Counter {
  /** Whether the bytes so far end between the two that end a line. */
  let cut = false;
  return (chunk) => {
    // Every line ends with `}` and a newline; the newlines around chunks follow something else.
    let lines = cut && chunk[0] === NEWLINE ? 1 : 0;
    for (let at = chunk.indexOf('}\n'); at !== -1; at = chunk.indexOf('}\n', at + 2)) lines++;
    cut = chunk[chunk.length - 1] === BRACE;
    return lines;
  };
}

/** Lines as one chunk of such a body. */
export function chunkOf(lines: readonly string[]): Buffer {
  const text = lines.map((line) => `${line}\n`).join('');
  return Buffer.from(`${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`);
}

export async function openSocket(url: string): Promise<RawConnection> {
  const socket = await dial(url);
  const head =
    'GET /v1/stream HTTP/1.1\r\nhost: localhost\r\nconnection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n';
  socket.write(
    `${head}sec-websocket-protocol: cellstep.v1\r\nsec-websocket-key: ${Buffer.alloc(16).toString('base64')}\r\n\r\n`,
  );
  await once(socket, 'data');
  // Pongs that nobody asked for: the service ends a socket that answers no ping.
  const pongs = setInterval(() => {
    if (socket.destroyed) clearInterval(pongs);
    else socket.write(Buffer.of(0x8a, 0x80, 0, 0, 0, 0));
  }, 10_000);
  pongs.unref();
  return { socket, count: frameCounter() };
}

/** Text frames of a client; masked by zeros, so that they are as they are. */
export function framesOf(texts: readonly string[]): Buffer {
  return Buffer.concat(
    texts.map((text) => {
      const payload = Buffer.from(text);
      const { length } = payload;
      const head = length < 126 ? Buffer.of(0x81, 0x80 | length) : Buffer.of(0x81, 0xfe, length >> 8, length & 255);
      return Buffer.concat([head, Buffer.alloc(4), payload]);
    }),
  );
}

/** Messages of a server, whose frames may be cut anywhere; pings are not counted. */
function frameCounter(): Counter {
  let left = 0;
  let head = Buffer.alloc(0);
  return (chunk) => {
    let frames = 0;
    let at = 0;
    while (at < chunk.length) {
      if (left > 0) {
        const taken = Math.min(left, chunk.length - at);
        left -= taken;
        at += taken;
        continue;
      }
      head = Buffer.concat([head, chunk.subarray(at, at + 1)]);
      at++;
      const need = head.length < 2 ? 2 : head[1] < 126 ? 2 : head[1] === 126 ? 4 : 10;
      if (head.length < need) continue;
      left = need === 2 ? head[1] : need === 4 ? head.readUInt16BE(2) : Number(head.readBigUInt64BE(2));
      if (head[0] === 0x81) frames++;
      head = Buffer.alloc(0);
    }
    return frames;
  };
}

const LAST_CHUNK = Buffer.from('0\r\n');

/** Requests one after another over a connection that stays; `bytes` has `steps` steps. Long answers come in chunks. */
export async function openCalls(url: string): Promise<RawConnection> {
  const socket = await dial(url);
  let text = Buffer.alloc(0);
  let left = 0;
  let inChunks = false;
  return {
    socket,
    count(chunk) {
      let answers = 0;
      let rest = chunk;
      while (rest.length > 0) {
        if (left > 0) {
          const taken = Math.min(left, rest.length);
          left -= taken;
          rest = rest.subarray(taken);
          if (left === 0 && !inChunks) answers++;
          continue;
        }
        text = Buffer.concat([text, rest]);
        // A line with the length of a chunk, or a head. Behind the last chunk, which is empty, there is an empty line.
        const isLast = inChunks && text.subarray(0, 3).equals(LAST_CHUNK);
        const mark = inChunks && !isLast ? '\r\n' : '\r\n\r\n';
        const end = text.indexOf(mark);
        if (end === -1) return answers;
        const line = text.toString('latin1', 0, end);
        rest = text.subarray(end + mark.length);
        text = Buffer.alloc(0);
        if (isLast) {
          inChunks = false;
          answers++;
        } else if (inChunks) left = Number.parseInt(line, 16) + '\r\n'.length;
        else {
          if (!line.startsWith('HTTP/1.1 200')) throw new Error(line);
          inChunks = /transfer-encoding: chunked/i.test(line);
          left = inChunks ? 0 : Number(/content-length: (\d+)/i.exec(line)?.[1]);
        }
      }
      return answers;
    },
  };
}

export function requestOf(path: string, headers: Readonly<Record<string, string>>, body: Uint8Array): Buffer {
  const all = { host: 'localhost', 'content-length': `${body.length}`, ...headers };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  return Buffer.concat([Buffer.from(`POST ${path} HTTP/1.1\r\n${lines.join('')}\r\n`), body]);
}

/**
 * Sends the same bytes again and again, as many answers unread as `ahead` batches have, until the time is over and all is
 * answered. `answers` is how many one batch has, each for `steps` steps.
 */
export function pumped(
  name: string,
  { socket, count }: RawConnection,
  batch: { readonly bytes: Buffer; readonly answers: number; readonly steps?: number; readonly ahead?: number },
): Contender {
  const { bytes, answers, steps = 1, ahead = 2 } = batch;
  return {
    name,
    async measure(ms) {
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      const started = performance.now();
      let unanswered = 0;
      let answered = 0;
      const more = () => {
        if (performance.now() - started < ms) {
          while (unanswered <= (ahead - 1) * answers) {
            unanswered += answers;
            socket.write(bytes);
          }
        } else if (unanswered === 0) resolve();
      };
      const read = (chunk: Buffer) => {
        const got = count(chunk);
        answered += got;
        unanswered -= got;
        more();
      };
      const late = setTimeout(() => reject(new Error(`${name}: ${unanswered} answers did not come`)), ms + PATIENCE_MS);
      socket.on('data', read).once('close', () => reject(new Error(`${name}: the connection was closed`)));
      more();
      await promise.finally(() => {
        clearTimeout(late);
        socket.off('data', read).removeAllListeners('close');
      });
      return ((performance.now() - started) * 1e6) / (answered * steps);
    },
  };
}

/** One request after the other, each after the answer to the one before; keeps how long each took. */
export function oneByOne(name: string, { socket, count }: RawConnection, bytes: Buffer) {
  const times: number[] = [];
  const contender: Contender = {
    name,
    async measure(ms) {
      const { promise, resolve } = Promise.withResolvers<void>();
      const end = performance.now() + ms;
      let [sent, made] = [performance.now(), 0];
      const started = sent;
      const read = (chunk: Buffer) => {
        if (count(chunk) === 0) return;
        const now = performance.now();
        times.push(now - sent);
        made++;
        if (now > end) return resolve();
        sent = now;
        socket.write(bytes);
      };
      socket.on('data', read);
      socket.write(bytes);
      await promise;
      socket.off('data', read);
      return ((performance.now() - started) * 1e6) / made;
    },
  };
  return { contender, times };
}
