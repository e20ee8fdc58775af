import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { Problem } from '../../domain/problems.ts';
import { Turns } from '../../threads/turns.ts';
import type { WholeRequest } from '../bodies/whole-request.ts';
import { clientAt } from '../callers/callers.ts';
import { SECURITY_HEADERS } from '../callers/security-headers.ts';
import { requestIdOf } from '../observability/request-log.ts';
import { type ProblemFormOf, problemDocument } from '../replies/problem-replies.ts';

const RETRY_SECONDS = '1';
const HEADERS = { ...SECURITY_HEADERS, 'retry-after': RETRY_SECONDS };
/** Names and values by turns: Node writes these without looking at each header. */
const HEADER_LIST = Object.entries(HEADERS).flat();
const HEADER_TEXT = Object.entries(HEADERS)
  .map(([name, value]) => `${name}: ${value}\r\n`)
  .join('');
/** Stands in a prepared answer for what belongs to one request. */
const [URL_MARK, ID_MARK] = ['\u0001', '\u0002'];

export interface RefusalOptions {
  readonly newId: () => string;
  readonly formOf: ProblemFormOf;
  /** Hears of each request that is refused. */
  readonly shed: (method: string, problem: Problem) => void;
  readonly turns?: Pick<Turns, 'hasTime' | 'add'>;
}

/** Milliseconds of a turn of the event loop in which requests are refused: hundreds of connections may wait for that in the same turn. */
const TURN_MS = 2;

/** Answers requests with one problem before Fastify sees them. */
export class Refusals {
  private readonly problem: Problem;
  private readonly turns: Pick<Turns, 'hasTime' | 'add'>;
  private readonly options: RefusalOptions;
  /** By the media type of the form: the texts around what belongs to one request, and the body's length without it. */
  private readonly prepared = new Map<string, { readonly parts: readonly string[]; readonly length: number }>();

  constructor(detail: string, options: RefusalOptions) {
    this.problem = new Problem('overloaded', detail);
    this.options = options;
    this.turns = options.turns ?? new Turns(() => TURN_MS);
  }

  /** At once or in a later turn; clients take turns. `last`: the connection ends with it. */
  answer(request: IncomingMessage, response: ServerResponse, last = false): void {
    if (this.turns.hasTime) this.answerNow(request, response, last);
    else this.turns.add(clientAt(request.socket.remoteAddress), () => this.answerNow(request, response, last));
  }

  private answerNow(request: IncomingMessage, response: ServerResponse, last: boolean): void {
    if (request.socket.destroyed) return;
    const { problem } = this;
    const { url = '', method = '', headers } = request;
    const id = requestIdOf(headers['x-request-id'], this.options.newId);
    const { mediaType, write } = this.options.formOf(url);
    const body = JSON.stringify(write(problemDocument(problem, url, id)));
    const length = `${Buffer.byteLength(body)}`;
    const own = HEADER_LIST.concat('x-request-id', id, 'content-type', mediaType, 'content-length', length);
    if (last) own.push('connection', 'close');
    response.writeHead(problem.status, own).end(body);
    this.options.shed(method, problem);
  }

  /** The same answer for a request that Node's parser has not seen: for a third of the time. */
  write(socket: Socket, { method, url, id: given }: WholeRequest): void {
    const id = requestIdOf(given, this.options.newId);
    const { length, parts } = this.preparedFor(url);
    const [head, headEnd, toUrl, toId, end] = parts;
    const bytes = length + url.length + id.length;
    socket.write(`${head}${bytes}${headEnd}${id}\r\n\r\n${toUrl}${url}${toId}${id}${end}`, 'latin1');
    this.options.shed(method, this.problem);
  }

  private preparedFor(url: string) {
    const { mediaType, write } = this.options.formOf(url);
    let prepared = this.prepared.get(mediaType);
    if (!prepared) {
      const body = JSON.stringify(write(problemDocument(this.problem, URL_MARK, ID_MARK)));
      const [toUrl, toId, end] = body.split(/\\u0001|\\u0002/);
      const head = `HTTP/1.1 503 Service Unavailable\r\n${HEADER_TEXT}content-type: ${mediaType}\r\ncontent-length: `;
      const parts = [head, '\r\nx-request-id: ', toUrl, toId, end];
      prepared = { parts, length: toUrl.length + toId.length + end.length };
      this.prepared.set(mediaType, prepared);
    }
    return prepared;
  }
}
