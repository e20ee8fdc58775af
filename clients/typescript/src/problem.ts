import type { components } from './api.ts';

/** The problem document of a refused request (RFC 9457). */
export type ProblemDocument = components['schemas']['Problem'];

/** What the service answered in place of a result. `code` says which problem, `message` what was sent and what to send. */
export class CellstepProblem extends Error {
  override readonly name = 'CellstepProblem';
  readonly document: ProblemDocument;

  constructor(document: ProblemDocument) {
    super(document.detail);
    this.document = document;
  }

  get code(): ProblemDocument['code'] {
    return this.document.code;
  }

  /** The HTTP status. */
  get status(): number {
    return this.document.status;
  }

  /** The places of the request that are wrong, by JSON pointer. */
  get errors(): readonly { readonly pointer: string; readonly detail: string }[] {
    return this.document.errors ?? [];
  }

  /** The request's id, which the service's log has too. */
  get requestId(): string {
    return this.document.request_id;
  }
}

/** The service could not be reached, or hung up, as often as the request was tried. */
export class CellstepUnreachable extends Error {
  override readonly name = 'CellstepUnreachable';
}

/** A reply that is not a problem document, such as a proxy's page, as one. */
export function problemOf(status: number, text: string): CellstepProblem {
  try {
    const document = JSON.parse(text) as ProblemDocument;
    if (typeof document?.code === 'string') return new CellstepProblem(document);
  } catch {
    // Not JSON: something between the client and the service answered.
  }
  const detail = `HTTP status ${status}: ${text.slice(0, 200)}`;
  const unknown = {
    type: 'about:blank',
    title: 'Unknown',
    status,
    detail,
    instance: '',
    code: 'unknown',
    request_id: '',
  };
  return new CellstepProblem(unknown as unknown as ProblemDocument);
}
