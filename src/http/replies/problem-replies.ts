import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import {
  child,
  clientGone,
  type FieldError,
  MOST_ISSUES,
  PROBLEMS,
  Problem,
  type ProblemCode,
} from '../../domain/problems.ts';
import { notTaken } from '../bodies/binary-body.ts';
import { bodyLimitOf } from '../bodies/bytes.ts';
import { hangUpUnread, leaveUnread } from '../bodies/unread.ts';
import { RequestShapeError } from '../bodies/validation.ts';
import { SECURITY_HEADERS } from '../callers/security-headers.ts';
import { headersOf } from '../http-problem.ts';

export const PROBLEM_JSON = 'application/problem+json';

/** Fastify's own errors, by their code. */
const FASTIFY_ERRORS: Readonly<Record<string, ProblemCode>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: 'body-too-large',
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'unsupported-media-type',
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: 'bad-request',
  FST_ERR_CTP_EMPTY_JSON_BODY: 'invalid-json',
  FST_ERR_BAD_URL: 'bad-request',
  FST_ERR_ASYNC_CONSTRAINT: 'bad-request',
  FST_ERR_MAX_LIMIT: 'body-too-large',
};

/** A client may get these while it still sends the body. */
const READ_AWAY: ReadonlySet<ProblemCode> = new Set(['body-too-large', 'overloaded']);

/** How a problem is written: as RFC 9457 says, or as another protocol does. The reply has the document's status. */
export interface ProblemForm {
  readonly mediaType: string;
  write(document: ProblemDocument): ProblemDocument;
}

export const PROBLEM_FORM: ProblemForm = { mediaType: PROBLEM_JSON, write: (document) => document };

/** The form that clients of a path read. */
export type ProblemFormOf = (url: string) => ProblemForm;

/** Hears of each problem that a client gets, and of whose client it is. */
export type Refused = (problem: Problem, tenant: string) => void;

/** The one place where an error becomes a reply, without internal details. */
export function addProblemReplies(app: FastifyInstance, formOf: ProblemFormOf, refused: Refused): void {
  app.decorate('refused', refused);
  app.setErrorHandler((error: FastifyError | Problem, request, reply) => {
    const problem = requestProblem(error, request);
    // Fastify would hang up. The rest of the body is read away, within the time that a request has.
    if (READ_AWAY.has(problem.code) && reply.raw.shouldKeepAlive) reply.removeHeader('connection');
    sendProblem(request, reply, problem, formOf(request.url));
  });
}

/** Errors that Fastify meets before a route is found, such as a malformed path. */
export function answerFrameworkErrors(formOf: ProblemFormOf) {
  return (error: FastifyError, request: FastifyRequest, reply: FastifyReply): void => {
    const form = formOf(request.url);
    leaveUnread(request, reply);
    sendProblem(request, reply.headers(SECURITY_HEADERS), requestProblem(error, request), form);
  };
}

function sendProblem(request: FastifyRequest, reply: FastifyReply, problem: Problem, form: ProblemForm): void {
  const { status } = problem;
  request.server.refused(problem, request.identity?.tenant ?? '');
  logFault(request.log, problem);
  if (status === 401 || status === 403) hangUpUnread(request, reply);
  const document = form.write(problemDocument(problem, request.url, request.id));
  reply
    .code(document.status)
    .headers(headersOf(problem))
    .header('content-type', form.mediaType)
    .serializer((text: string) => text)
    .send(JSON.stringify(document));
}

/** Refused by the thousand where a client asks for too much: a line each would only be more to do, and hide the faults. */
const NO_FAULTS: ReadonlySet<ProblemCode> = new Set(['overloaded', 'tenant-full']);

/** Logs a fault of the service. */
export function logFault(log: { error(about: object, message: string): void }, problem: Problem): void {
  const { status, code, message, cause } = problem;
  if (status >= 500 && !NO_FAULTS.has(code)) log.error({ err: cause ?? problem, code }, message);
}

export interface ProblemDocument {
  readonly status: number;
  readonly detail: string;
  readonly [field: string]: unknown;
}

export function problemDocument(problem: Problem, instance: string, requestId: string): ProblemDocument {
  const { code, message, extra } = problem;
  const { status, title } = PROBLEMS[code];
  const errors = problem.errors.slice(0, MOST_ISSUES);
  const left = problem.errors.length - errors.length;
  return {
    type: `/problems/${code}`,
    title,
    status,
    detail: message + countOf(left),
    instance: instance.slice(0, 500),
    code,
    request_id: requestId,
    ...(errors.length > 0 ? { errors } : {}),
    ...extra,
  };
}

/** The problem that a client gets for an error. An unknown error is a fault of this service. */
export function asProblem(error: unknown): Problem {
  if (error instanceof Problem) return error;
  if (error instanceof RequestShapeError) return shapeProblem(error);
  return new Problem('internal-error', 'The service failed. The request is not to blame.', {
    cause: error,
  });
}

function requestProblem(error: FastifyError | Problem, request: FastifyRequest): Problem {
  if (error instanceof Problem || error instanceof RequestShapeError) return asProblem(error);
  // The client hung up before its reply in slices began, which Fastify takes for a failure of the stream.
  if (error.code === 'ERR_STREAM_PREMATURE_CLOSE' && request.raw.socket.destroyed) return clientGone();
  if (error.code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE') {
    return notTaken(request);
  }
  if (error.code === 'FST_ERR_CTP_BODY_TOO_LARGE') {
    const json = request.headers['content-type']?.toLowerCase().startsWith('application/json')
      ? ' of JSON (CELLSTEP_MAX_JSON_BYTES). Send large tensors as application/x-safetensors.'
      : '.';
    return new Problem('body-too-large', `The body is over the limit of ${bodyLimitOf(request)} bytes${json}`);
  }
  const code = FASTIFY_ERRORS[error.code];
  if (code) return new Problem(code, error.message);
  if (error.statusCode !== undefined && error.statusCode >= 400 && error.statusCode < 500) {
    return new Problem('bad-request', error.message || 'The request cannot be read.');
  }
  return asProblem(error);
}

/** A request that does not fit its schema. Lists a limited number of places; the first one gives the code and the detail. */
function shapeProblem({ context, issues, total }: RequestShapeError): Problem {
  const errors: FieldError[] = issues.map(({ path, message }) => ({
    pointer: pointerOf(context, path),
    detail: message,
  }));
  const [first] = errors;
  const code = issues[0].problem ?? 'invalid-request';
  const where = first.pointer === '' ? 'The body' : `'${first.pointer}'`;
  return new Problem(code, `${where}: ${first.detail}${countOf(total - errors.length)}`, { errors });
}

/** The part of a detail about the places that are not listed. */
function countOf(left: number): string {
  return left > 0 ? ` ${left} more places are wrong.` : '';
}

function pointerOf(context: string, path: readonly PropertyKey[]): string {
  if (context === 'querystring') return `?${path.map(String).join('.')}`;
  if (context === 'params') return `{${path.map(String).join('.')}}`;
  if (context === 'headers') return path.map(String).join('.');
  return path.map(String).reduce(child, '');
}

declare module 'fastify' {
  interface FastifyInstance {
    refused: Refused;
  }
}
