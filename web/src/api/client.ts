import { ApiProblem } from './problem.ts';

/** One call, as the page shows it. */
export interface Call {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  /** The JSON that was sent; undefined without a body or with a file. */
  readonly sent: string | undefined;
  /** Name of the file that was sent. */
  readonly file?: string;
  readonly status: number;
  readonly answered: string;
  readonly milliseconds: number;
}

export interface Sending {
  /** Sent as JSON. */
  readonly body?: unknown;
  readonly file?: File;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
  /** Not worth showing: asked again and again. */
  readonly silent?: boolean;
}

/** What the client needs of the page around it. */
export interface Surroundings {
  readonly fetch: typeof fetch;
  readonly key: () => string;
  /** Asks the person for a key; resolves once there is another one. */
  readonly askForKey: (refusal: string) => Promise<void>;
  readonly report: (call: Call) => void;
  /** Resolves once the service answers again. */
  readonly whenReached: () => Promise<void>;
  /** Says whether the service answers. */
  readonly reach: (reached: boolean) => void;
}

const SHOWN_CHARACTERS = 20_000;

/** A call that was answered, and when it started. */
interface Answered extends Sending {
  readonly method: string;
  readonly path: string;
  readonly started: number;
  readonly response: Response;
  readonly answered: string;
}

/** Calls of this service, by paths relative to the page. */
export class Api {
  private readonly around: Surroundings;

  constructor(around: Surroundings) {
    this.around = around;
  }

  get<T>(path: string): Promise<T> {
    return this.json('GET', path);
  }

  post<T>(path: string, body: unknown = {}, sending: Sending = {}): Promise<T> {
    return this.json('POST', path, { ...sending, body });
  }

  put<T>(path: string, body: unknown): Promise<T> {
    return this.json('PUT', path, { body });
  }

  async delete(path: string): Promise<void> {
    await this.send('DELETE', path);
  }

  async json<T>(method: string, path: string, sending: Sending = {}): Promise<T> {
    const { text } = await this.send(method, path, sending);
    return (text === '' ? undefined : JSON.parse(text)) as T;
  }

  /** The key of this tab, where one was given. */
  key(): string {
    return this.around.key();
  }

  /** Shows a call that went another way than by this client. */
  show(call: Call): void {
    this.around.report(call);
  }

  /** Resolves once the service answers again. */
  whenReached(): Promise<void> {
    return this.around.whenReached();
  }

  /** Deletes what is no longer needed, also while the page goes away; a failure is of no interest then. */
  forget(path: string): void {
    const started = performance.now();
    this.around
      .fetch(path, { method: 'DELETE', headers: this.headers({}), keepalive: true })
      .then((response) => this.report({ method: 'DELETE', path, started, response, answered: '' }))
      .catch(() => undefined);
  }

  /** The text of the reply. Throws ApiProblem for any refusal, after asking for a key where one is missing. */
  async send(method: string, path: string, sending: Sending = {}): Promise<{ response: Response; text: string }> {
    const started = performance.now();
    const response = await this.request(method, path, sending);
    const text = await this.readText(response);
    if (!sending.silent) this.report({ method, path, ...sending, started, response, answered: text });
    if (response.ok || response.status === 304) return { response, text };
    const problem = problemOf(response, text);
    if (response.status !== 401) throw problem;
    await this.around.askForKey(problem.message);
    return this.send(method, path, sending);
  }

  /** The bytes of a reply, for a download. */
  async blob(path: string, accept: string): Promise<Blob> {
    const started = performance.now();
    const headers = { accept };
    const response = await this.request('GET', path, { headers });
    if (!response.ok) throw problemOf(response, await response.text());
    const blob = await response.blob();
    this.report({ method: 'GET', path, headers, started, response, answered: `${blob.size} B` });
    return blob;
  }

  /** The lines of a reply as they arrive. Closing the iteration hangs up. */
  async *lines(path: string, body: unknown, signal: AbortSignal): AsyncGenerator<unknown> {
    const started = performance.now();
    const headers = { accept: 'application/jsonl' };
    const response = await this.request('POST', path, { body, headers, signal });
    if (!response.ok || !response.body) throw problemOf(response, await response.text());
    let rest = '';
    let answered = '';
    for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {
      answered = (answered + chunk).slice(0, SHOWN_CHARACTERS);
      const lines = (rest + chunk).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) if (line.trim()) yield JSON.parse(line);
    }
    this.report({ method: 'POST', path, body, headers, started, response, answered });
    if (rest.trim()) yield JSON.parse(rest);
  }

  private report({ method, path, body, file, headers = {}, started, response, answered }: Answered): void {
    this.around.report({
      method,
      path,
      headers,
      sent: body === undefined ? undefined : JSON.stringify(body),
      file: file?.name,
      status: response.status,
      answered: answered.length > SHOWN_CHARACTERS ? `${answered.slice(0, SHOWN_CHARACTERS)}…` : answered,
      milliseconds: performance.now() - started,
    });
  }

  private async request(
    method: string,
    path: string,
    { body, file, headers = {}, signal }: Sending,
  ): Promise<Response> {
    const json: Record<string, string> = body === undefined ? {} : { 'content-type': 'application/json' };
    // What the service has now, and in the format that is asked for: all formats of a thing share one ETag.
    const init = { method, cache: 'no-store' as const, headers: this.headers({ ...json, ...headers }), signal };
    try {
      const response = await this.around.fetch(path, {
        ...init,
        body: file ?? ((body && JSON.stringify(body)) as RequestInit['body']),
      });
      this.around.reach(true);
      return response;
    } catch (error) {
      if (signal?.aborted) throw error;
      this.around.reach(false);
      throw new ApiProblem({ status: 0, detail: `${method} /${path}: no answer.` });
    }
  }

  private async readText(response: Response): Promise<string> {
    try {
      return await response.text();
    } catch {
      this.around.reach(false);
      throw new ApiProblem({ status: 0, detail: 'The answer broke off.' });
    }
  }

  private headers(headers: Readonly<Record<string, string>>): Record<string, string> {
    const key = this.around.key();
    return key ? { ...headers, authorization: `Bearer ${key}` } : headers;
  }
}

function problemOf(response: Response, text: string): ApiProblem {
  const { status } = response;
  const isJson = response.headers.get('content-type')?.includes('json');
  return new ApiProblem({ status, detail: `The service answered ${status}.`, ...(isJson ? JSON.parse(text) : {}) });
}
