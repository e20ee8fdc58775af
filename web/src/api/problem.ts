export interface FieldError {
  readonly pointer: string;
  readonly detail: string;
}

/** A refusal: the problem document (RFC 9457) of the service. Status 0: no answer at all. */
export class ApiProblem extends Error {
  readonly status: number;
  readonly code: string;
  readonly errors: readonly FieldError[];
  /** Of a file with several layers: their names. */
  readonly layers: readonly string[];

  constructor(problem: { status: number; detail: string; code?: string; errors?: FieldError[]; layers?: string[] }) {
    super(problem.detail);
    this.status = problem.status;
    this.code = problem.code ?? '';
    this.errors = problem.errors ?? [];
    this.layers = problem.layers ?? [];
  }
}

/** The errors that belong to a field: those at its pointer, and those below it. */
export function errorsAt(problem: ApiProblem | undefined, pointer: string): string[] {
  if (!problem) return [];
  return problem.errors
    .filter((error) => error.pointer === pointer || error.pointer.startsWith(`${pointer}/`))
    .map(({ detail }) => detail);
}
