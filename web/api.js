// @ts-check

/** A refusal: RFC 9457's document as the service sends it. */
export class ApiProblem extends Error {
  /** @param {{ status: number, detail: string, errors?: { pointer: string, detail: string }[] }} problem */
  constructor({ status, detail, errors = [] }) {
    super(detail);
    this.status = status;
    this.errors = errors;
  }
}

/** Calls of this service, relative to the page, one after another. */
export class Api {
  /** @param {(sent: string, answered: string) => void} show */
  constructor(show) {
    this.show = show;
    this.key = '';
    /** @type {Promise<unknown>} */
    this.last = Promise.resolve();
  }

  /**
   * @param {string} method
   * @param {string} path
   * @param {unknown} [body]
   * @returns {Promise<any>}
   */
  call(method, path, body) {
    const next = this.last.then(() => this.send(method, path, body));
    this.last = next.catch(() => undefined);
    return next;
  }

  /** Ends what is no longer needed, also while the page goes away. @param {string} path */
  forget(path) {
    fetch(path, { method: 'DELETE', headers: this.headers(false), keepalive: true }).catch(() => undefined);
  }

  /** @param {boolean} json */
  headers(json) {
    return {
      ...(json ? { 'content-type': 'application/json' } : {}),
      ...(this.key ? { authorization: `Bearer ${this.key}` } : {}),
    };
  }

  /**
   * @param {string} method
   * @param {string} path
   * @param {unknown} body
   */
  async send(method, path, body) {
    const text = body === undefined ? undefined : JSON.stringify(body);
    const reply = await fetch(path, { method, headers: this.headers(text !== undefined), body: text }).catch(() => {
      throw new ApiProblem({ status: 0, detail: 'The service does not answer. Is it still running?' });
    });
    const answer = await reply.text();
    this.show(`${method} /${path}\n${text ?? ''}`, `${reply.status}\n${answer}`);
    if (reply.ok) return answer === '' ? undefined : JSON.parse(answer);
    const problem = reply.headers.get('content-type')?.includes('json') ? JSON.parse(answer) : {};
    throw new ApiProblem({ status: reply.status, detail: `The service answered ${reply.status}.`, ...problem });
  }
}
