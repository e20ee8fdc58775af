/// <reference lib="esnext.disposable" preserve="true" />
import type { components } from './api.ts';
import { fieldOf, fileOf, type Inputs, inputsOf, listOf, outputsOf, tensorOf } from './fields.ts';
import type { Socket } from './socket.ts';
import type { Tensor, TensorLike } from './tensor.ts';
import type { Transport } from './transport.ts';

type Schemas = components['schemas'];
export type SessionDescription = Schemas['Session'];
export type OpenOptions = Partial<Omit<Schemas['NewSession'], 'cell' | 'initial_state' | 'tensor_format'>>;

export interface SessionStep {
  /** [batch, width], or with a time axis where the inputs have one. */
  readonly output: Tensor;
  /** Of a whole ONNX graph: all its outputs by name, of which `output` is the first. */
  readonly outputs: ReadonlyMap<string, Tensor>;
  /** How many steps the session has taken. */
  readonly step: number;
  /** Empty unless asked for. */
  readonly states: readonly Tensor[];
  readonly cellVersion: number;
}

export interface StepOptions {
  readonly mask?: TensorLike;
  readonly returnStates?: boolean;
  /** The session's version that the step is to follow: another one is refused. */
  readonly ifMatch?: number;
  /** A key of your own: the same key is carried out once, also by another process. */
  readonly key?: string;
  readonly signal?: AbortSignal;
}

/** A hidden state that the service keeps, durably. Each call happens once, however often it had to be sent. */
export class Session {
  readonly id: string;
  private readonly transport: Transport;
  private readonly socket: () => Socket;

  constructor(id: string, transport: Transport, socket: () => Socket) {
    this.id = id;
    this.transport = transport;
    this.socket = socket;
  }

  describe(): Promise<SessionDescription> {
    return this.transport.json({ method: 'GET', path: this.path() });
  }

  /** The hidden states as they are now. */
  async states(): Promise<readonly Tensor[]> {
    return listOf(await this.transport.file({ method: 'GET', path: this.path() }), 'states');
  }

  /** The next step: `inputs` [batch, features], or [batch, time, features] for several steps in one. */
  async step(inputs: Inputs, options: StepOptions = {}): Promise<SessionStep> {
    const { mask, returnStates, ifMatch, key = crypto.randomUUID(), signal } = options;
    const file = fileOf({ ...inputsOf(inputs), mask }, { return_states: returnStates });
    const call = { method: 'POST', path: this.path('/steps'), idempotencyKey: key, ifMatch, signal };
    return stepOf(await this.transport.file({ ...call, file }));
  }

  /**
   * Steps through inputs as they come, over one WebSocket, and yields each result when it is durable. A connection that
   * breaks is made anew, and the step that was under way is taken once.
   */
  async *stream(inputs: AsyncIterable<Inputs> | Iterable<Inputs>): AsyncGenerator<SessionStep, void> {
    const socket = this.socket();
    for await (const input of inputs) {
      const message = fileOf(inputsOf(input), { op: 'step', session: this.id, key: crypto.randomUUID() });
      yield stepOf(await socket.send(message));
    }
  }

  /** Each change of this session from now on, whoever makes it, with the states after it. */
  changes(signal?: AbortSignal): AsyncGenerator<Readonly<Record<string, unknown>>, void> {
    return this.socket().subscribe(this.id, signal);
  }

  reset(): Promise<SessionDescription> {
    return this.change('/reset', {});
  }

  /** Back to an earlier step within the history. */
  rewind(toStep: number): Promise<SessionDescription> {
    return this.change('/rewind', { to_step: toStep });
  }

  /** A copy as a new session, of now or of a kept step. */
  async fork(options: { readonly id?: string; readonly atStep?: number } = {}): Promise<Session> {
    const { id } = await this.change('/fork', { id: options.id, at_step: options.atStep });
    return new Session(id, this.transport, this.socket);
  }

  /** Ends the session. */
  async close(): Promise<void> {
    await this.transport.json({ method: 'DELETE', path: this.path(), idempotencyKey: crypto.randomUUID() });
  }

  /** So that `await using session = await cell.openSession()` ends it. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  private change(route: string, json: unknown): Promise<SessionDescription> {
    return this.transport.json({ method: 'POST', path: this.path(route), idempotencyKey: crypto.randomUUID(), json });
  }

  private path(rest = ''): string {
    return `/v1/sessions/${encodeURIComponent(this.id)}${rest}`;
  }
}

export async function openSession(
  transport: Transport,
  socket: () => Socket,
  cell: string,
  options: OpenOptions,
): Promise<Session> {
  const { id } = await transport.json<SessionDescription>({
    method: 'POST',
    path: '/v1/sessions',
    idempotencyKey: crypto.randomUUID(),
    json: { ...options, cell },
  });
  return new Session(id, transport, socket);
}

function stepOf(reply: Parameters<typeof tensorOf>[0]): SessionStep {
  return {
    output: tensorOf(reply, 'output'),
    outputs: outputsOf(reply),
    step: fieldOf(reply, 'step'),
    states: listOf(reply, 'states'),
    cellVersion: fieldOf(reply, 'cell_version'),
  };
}
