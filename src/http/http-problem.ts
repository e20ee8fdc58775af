import { Problem, type ProblemCode } from '../domain/problems.ts';
import { etagOf } from './replies/entity-tags.ts';

type Headers = Readonly<Record<string, string>>;

/** A problem of HTTP itself, whose reply has extra headers. */
export class HttpProblem extends Problem {
  readonly headers: Headers;

  constructor(code: ProblemCode, detail: string, headers: Headers) {
    super(code, detail);
    this.headers = headers;
  }
}

/** Seconds after which a client may try again; it may always try a 503 again. */
export function retryAfterOf({ status, retryAfterSeconds }: Problem): number | undefined {
  return retryAfterSeconds ?? (status === 503 ? 1 : undefined);
}

/** The headers that add to the document of a problem. */
export function headersOf(problem: Problem): Headers {
  const { version } = problem;
  const retryAfter = retryAfterOf(problem);
  return {
    ...(retryAfter === undefined ? {} : { 'retry-after': `${retryAfter}` }),
    ...(version === undefined ? {} : { etag: etagOf(version) }),
    ...(problem instanceof HttpProblem ? problem.headers : {}),
  };
}
