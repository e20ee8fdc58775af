import { Problem, type ProblemCode } from '../domain/problems.ts';
import { etagOf } from './entity-tags.ts';

type Headers = Readonly<Record<string, string>>;

/** A problem of HTTP itself, whose reply has headers of its own. */
export class HttpProblem extends Problem {
  readonly headers: Headers;

  constructor(code: ProblemCode, detail: string, headers: Headers) {
    super(code, detail);
    this.headers = headers;
  }
}

/** The headers that say more of a problem than its document. A client may always try a 503 again. */
export function headersOf(problem: Problem): Headers {
  const { status, version, retryAfterSeconds = status === 503 ? 1 : undefined } = problem;
  return {
    ...(retryAfterSeconds === undefined ? {} : { 'retry-after': `${retryAfterSeconds}` }),
    ...(version === undefined ? {} : { etag: etagOf(version) }),
    ...(problem instanceof HttpProblem ? problem.headers : {}),
  };
}
