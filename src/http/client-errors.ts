import { type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyInstance, FastifyServerOptions } from 'fastify';
import { quote } from '../domain/json.ts';
import { Problem, type ProblemCode } from '../domain/problems.ts';
import { HttpProblem } from './http-problem.ts';
import { PROBLEM_JSON, problemDocument } from './problem-replies.ts';

/** How long a client that is being refused may still send: closing at once would reset it before it reads the answer. */
const LINGER_MILLISECONDS = 1_000;

interface ClientError extends Error {
  readonly code?: string;
  /** What Node's HTTP parser says, without any of the bytes. */
  readonly reason?: string;
}

const CODES: Readonly<Record<string, { code: ProblemCode; detail: string }>> = {
  ERR_HTTP_REQUEST_TIMEOUT: { code: 'request-timeout', detail: 'The request did not arrive whole in time.' },
  HPE_HEADER_OVERFLOW: { code: 'headers-too-large', detail: 'The request line and headers are over 16 KiB.' },
  HPE_CHUNK_EXTENSIONS_OVERFLOW: { code: 'bad-request', detail: 'The chunk extensions are over 16 KiB.' },
};

/** Answers what never became a request (garbage, a broken frame, a client that stopped halfway), then hangs up. */
export function answerClientErrors(newRequestId: () => string): FastifyServerOptions['clientErrorHandler'] {
  return function answer(this: FastifyInstance, error: ClientError, socket: Socket): void {
    // After the answer was sent, what still comes in is not even looked at.
    if (!socket.writable || error.code === 'ECONNRESET') return void socket.destroy();
    const running = (socket as { _httpMessage?: ServerResponse<IncomingMessage> })._httpMessage;
    // Half of another answer is on the wire: a second one would be taken for its end.
    if (running?.headersSent) return void socket.destroy();

    const { code, detail } = CODES[error.code ?? ''] ?? {
      code: 'bad-request',
      detail: `The request is not HTTP/1.1: ${error.reason ?? 'it cannot be parsed'}.`,
    };
    const problem = new Problem(code, detail);
    const requestId = newRequestId();
    this.log.info({ reqId: requestId, code, reason: error.code }, 'unreadable request');
    const body = JSON.stringify(problemDocument(problem, '', requestId));
    const head = [
      `HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status]}`,
      `content-type: ${PROBLEM_JSON}`,
      `content-length: ${Buffer.byteLength(body)}`,
      'connection: close',
    ];
    socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
    setTimeout(() => socket.destroy(), LINGER_MILLISECONDS).unref();
  };
}

/** HTTP/1.1 asks for a Host header (RFC 9112, 3.2); Node would refuse without a body. */
export function requireHost(app: FastifyInstance): void {
  app.addHook('onRequest', ({ raw }, _reply, done) => {
    if (raw.headers.host !== undefined || raw.httpVersion !== '1.1') return done();
    done(new HttpProblem('bad-request', 'The request has no Host header.', { connection: 'close' }));
  });
}

/** Refuses what Node says is expected beyond 100-continue, which it would do itself without a body. */
export function refuseExpectations(app: FastifyInstance): void {
  const refused = new WeakSet<IncomingMessage>();
  app.server.on('checkExpectation', (request, response) => {
    refused.add(request);
    app.routing(request, response);
  });
  app.addHook('onRequest', ({ raw }, _reply, done) => {
    if (!refused.has(raw)) return done();
    const detail = `Expect ${quote(raw.headers.expect)} is not done here. Leave it out, or send 100-continue.`;
    done(new Problem('expectation-failed', detail));
  });
}
