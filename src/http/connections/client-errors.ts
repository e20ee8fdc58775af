import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { FastifyInstance, FastifyServerOptions } from 'fastify';
import { quote } from '../../domain/json.ts';
import { JSON_LINES } from '../../domain/media-types.ts';
import { Problem, type ProblemCode } from '../../domain/problems.ts';
import { SHORT_CHUNKS } from '../bodies/gathered-message.ts';
import { LINGER_MILLISECONDS, throwAway } from '../bodies/unread.ts';
import { clientAt } from '../callers/callers.ts';
import { SECURITY_HEADERS } from '../callers/security-headers.ts';
import { HttpProblem } from '../http-problem.ts';
import { PROBLEM_JSON, problemDocument } from '../replies/problem-replies.ts';

interface ClientError extends Error {
  readonly code?: string;
  /** Node's parse errors and our texts, which quote none of the bytes. */
  readonly reason?: string;
}

const CODES: Readonly<Record<string, { code: ProblemCode; detail: string }>> = {
  ERR_HTTP_REQUEST_TIMEOUT: { code: 'request-timeout', detail: 'The request did not arrive whole in time.' },
  HPE_HEADER_OVERFLOW: { code: 'headers-too-large', detail: 'The request line and headers are over 16 KiB.' },
  HPE_CHUNK_EXTENSIONS_OVERFLOW: { code: 'bad-request', detail: 'The chunk extensions are over 16 KiB.' },
  [SHORT_CHUNKS]: {
    code: 'bad-request',
    detail: 'The body comes in thousands of chunks of a few bytes. Send longer ones.',
  },
};

/**
 * Answers bytes that never became a request (garbage, a broken frame, a client that stopped halfway), then hangs up. Answers wait for
 * their turn as requests do: a thousand connections may break at once.
 */
export function answerClientErrors(newRequestId: () => string): FastifyServerOptions['clientErrorHandler'] {
  return function take(this: FastifyInstance, error: ClientError, socket: Socket): void {
    // After the answer was sent, later bytes are ignored.
    if (!socket.writable || error.code === 'ECONNRESET') return void socket.destroy();
    // The parser could read on.
    if (error.code === SHORT_CHUNKS) throwAway(socket, this.thrownAwayPace);
    this.intake.take(clientAt(socket.remoteAddress), () => answer.call(this, error, socket));
  };

  function answer(this: FastifyInstance, error: ClientError, socket: Socket): void {
    if (!socket.writable) return void socket.destroy();
    const running = (socket as { _httpMessage?: ServerResponse<IncomingMessage> })._httpMessage;
    // A stream that is answered line by line may last as long as the client likes.
    if (error.code === 'ERR_HTTP_REQUEST_TIMEOUT' && running && isStream(running)) return;
    // If half of another answer was sent, a second answer would look like its end.
    if (running?.headersSent) return void socket.destroy();

    const { code, detail } = CODES[error.code ?? ''] ?? {
      code: 'bad-request',
      detail: `The request is not HTTP/1.1: ${error.reason ?? 'it cannot be parsed'}.`,
    };
    const problem = new Problem(code, detail);
    const requestId = newRequestId();
    this.log.info({ reqId: requestId, code, reason: error.code }, 'unreadable request');
    this.refused(problem, '');
    endWithProblem(socket, problem, { instance: '', requestId });
  }
}

/** Answers a connection that has no response of Node, then hangs up. */
export function endWithProblem(
  socket: Duplex,
  problem: Problem,
  { instance, requestId }: { readonly instance: string; readonly requestId: string },
): void {
  const body = JSON.stringify(problemDocument(problem, instance, requestId));
  // An import of node:http would also load fetch and slow down the start by a tenth.
  const { STATUS_CODES } = process.getBuiltinModule('node:http');
  const head = [
    `HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status]}`,
    `content-type: ${PROBLEM_JSON}`,
    `content-length: ${Buffer.byteLength(body)}`,
    'connection: close',
    ...Object.entries(SECURITY_HEADERS).map(([name, value]) => `${name}: ${value}`),
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
  setTimeout(() => socket.destroy(), LINGER_MILLISECONDS).unref();
}

function isStream(response: ServerResponse): boolean {
  const type = response.getHeader('content-type');
  return response.headersSent && JSON_LINES.some((known) => known === type);
}

/** Refuses requests that a proxy may read differently, before they reach a route. */
export function refuseOddFraming(app: FastifyInstance): void {
  app.check(({ raw }) => {
    const oddity = oddityOf(raw);
    return oddity === undefined ? undefined : new HttpProblem('bad-request', oddity, { connection: 'close' });
  });
}

/** A target that names its host itself, as proxies get it. */
const ABSOLUTE = /^https?:\/\/([^/?#]+)/i;

/** RFC 9112, 2.3 (versions), 3.2 (targets and Host) and 6.1 (Transfer-Encoding): Node's parser is less strict. */
function oddityOf({ httpVersion, headers, rawHeaders, url = '' }: IncomingMessage): string | undefined {
  if (httpVersion !== '1.1' && httpVersion !== '1.0') return `HTTP/${httpVersion} is not supported. Send HTTP/1.1.`;
  const { host, 'transfer-encoding': coding } = headers;
  if (host === undefined && httpVersion === '1.1') return 'The request has no Host header.';
  let hosts = 0;
  for (let k = 0; k < rawHeaders.length; k += 2) {
    if (rawHeaders[k].length === 4 && rawHeaders[k].toLowerCase() === 'host') hosts++;
  }
  if (hosts > 1) return `The request has ${hosts} Host headers. Send one.`;
  if (!url.startsWith('/') && url !== '*' && ABSOLUTE.exec(url)?.[1].toLowerCase() !== host?.toLowerCase()) {
    return `The target ${quote(url.slice(0, 200))} is neither a path nor a URL of the host in Host. Send a path.`;
  }
  if (coding === undefined) return undefined;
  if (httpVersion === '1.0') return 'Transfer-Encoding is not part of HTTP/1.0. Send Content-Length.';
  return coding.toLowerCase() === 'chunked'
    ? undefined
    : `Transfer-Encoding ${quote(coding)} is not supported. Send chunked, or Content-Length.`;
}

/**
 * Sends 100 Continue to a waiting client only after the checks before the body have passed; Node would send it at once.
 * Refuses any other expectation with a problem; Node would refuse it without a body.
 */
export function answerExpectations(app: FastifyInstance): void {
  const waiting = new WeakSet<IncomingMessage>();
  const refused = new WeakSet<IncomingMessage>();
  app.server.on('checkContinue', (request, response) => {
    waiting.add(request);
    app.server.emit('request', request, response);
  });
  app.server.on('checkExpectation', (request, response) => {
    refused.add(request);
    app.server.emit('request', request, response);
  });
  app.check(({ raw }) => {
    if (raw.headers.expect === undefined || !refused.has(raw)) return undefined;
    const detail = `Expect ${quote(raw.headers.expect)} is not supported. Leave it out, or send 100-continue.`;
    return new Problem('expectation-failed', detail);
  });
  app.checkBody(({ raw }, reply) => {
    if (raw.headers.expect !== undefined && waiting.has(raw)) reply.raw.writeContinue();
    return undefined;
  });
}
