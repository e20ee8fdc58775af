import type { components } from './api.ts';
import { fieldOf, fileOf, type Inputs, inputsOf, listOf, outputsOf, tensorOf } from './fields.ts';
import { SAFETENSORS, writeSafetensors } from './safetensors.ts';
import { type OpenOptions, openSession, type Session } from './sessions.ts';
import type { Socket } from './socket.ts';
import { Tensor, type TensorLike } from './tensor.ts';
import { type Progress, type TrainingOptions, train } from './training.ts';
import type { Call, Transport } from './transport.ts';

type Schemas = components['schemas'];
export type CellDescription = Schemas['Cell'];
export type NewCell = Omit<Schemas['NewCell'], 'weights' | 'id'> & {
  readonly id?: string;
  readonly weights?: Readonly<Record<string, TensorLike>>;
};

export interface StepResult {
  readonly output: Tensor;
  /** Of a whole ONNX graph: all its outputs by name, of which `output` is the first. */
  readonly outputs: ReadonlyMap<string, Tensor>;
  /** What the next step takes, in the framework's order. */
  readonly states: readonly Tensor[];
  readonly cellVersion: number;
}

export interface SequenceOptions {
  readonly initialState?: readonly TensorLike[];
  /** [batch, time], 0 where a step is left out. */
  readonly mask?: TensorLike;
  readonly returnSequences?: boolean;
  readonly goBackwards?: boolean;
  readonly signal?: AbortSignal;
}

/** Files of weights by their media types, as GET and PUT /weights and POST /v1/cells take them. */
export type WeightFileType =
  | 'application/x-safetensors'
  | 'application/x-npz'
  | 'application/x-keras'
  | 'application/x-hdf5'
  | 'application/x-onnx';

/** Those that a cell can be made from. */
export type SentFileType = WeightFileType | 'application/x-pytorch';

/** A cell of the service: a network, its weights, and what it computes. */
export class Cell {
  readonly id: string;
  private readonly transport: Transport;
  private readonly socket: () => Socket;

  constructor(id: string, transport: Transport, socket: () => Socket) {
    this.id = id;
    this.transport = transport;
    this.socket = socket;
  }

  describe(): Promise<CellDescription> {
    return this.transport.json({ method: 'GET', path: this.path() });
  }

  /** One step: `inputs` [batch, features], `states` one [batch, units] each, zeros where left out. */
  async step(inputs: Inputs, states?: readonly TensorLike[], signal?: AbortSignal): Promise<StepResult> {
    const file = fileOf({ ...inputsOf(inputs), states }, {});
    const reply = await this.transport.file({ ...this.compute('/steps'), file, signal });
    return {
      output: tensorOf(reply, 'output'),
      outputs: outputsOf(reply),
      states: listOf(reply, 'states'),
      cellVersion: fieldOf(reply, 'cell_version'),
    };
  }

  /** Many steps at once: `inputs` [batch, time, features] in the framework's layout. */
  async sequence(inputs: Inputs, options: SequenceOptions = {}): Promise<StepResult> {
    const { initialState, mask, returnSequences, goBackwards, signal } = options;
    const file = fileOf(
      { ...inputsOf(inputs), initial_state: initialState, mask },
      { return_sequences: returnSequences, go_backwards: goBackwards },
      ['initial_state'],
    );
    const reply = await this.transport.file({ ...this.compute('/sequences'), file, signal });
    const output = reply.tensors.get('output') ?? tensorOf(reply, 'output.0');
    const [outputs, states] = [outputsOf(reply), listOf(reply, 'states')];
    return { output, outputs, states, cellVersion: fieldOf(reply, 'cell_version') };
  }

  /** All weights by name, of one version of the cell. */
  async weights(): Promise<ReadonlyMap<string, Tensor>> {
    return (await this.transport.file({ method: 'GET', path: this.path('/weights') })).tensors;
  }

  /** Sets all weights at once. */
  setWeights(weights: Readonly<Record<string, TensorLike>>, ifMatch?: number): Promise<CellDescription> {
    const json = { weights: literals(weights) };
    return this.transport.json({
      method: 'PUT',
      path: this.path('/weights'),
      ifMatch,
      json,
      idempotencyKey: crypto.randomUUID(),
    });
  }

  /** The weights as a file that the framework opens. */
  async weightFile(type: WeightFileType): Promise<Uint8Array> {
    const reply = await this.transport.send({ method: 'GET', path: this.path('/weights'), accept: type });
    return new Uint8Array(await reply.arrayBuffer());
  }

  /** A session on this cell: a hidden state that the service keeps. */
  openSession(options: OpenOptions = {}): Promise<Session> {
    return openSession(this.transport, this.socket, this.id, options);
  }

  /** Trains the cell, telling of each step as it is made; the last one made is the result of the iterator. */
  train(options: TrainingOptions): AsyncGenerator<Progress, void> {
    return train(this.transport, this.path('/training_steps'), options);
  }

  /** Deletes the cell; with `force` its open sessions too. */
  async delete(options: { readonly force?: boolean } = {}): Promise<void> {
    const query = options.force ? '?force=true' : '';
    await this.transport.json({ method: 'DELETE', path: this.path(query), idempotencyKey: crypto.randomUUID() });
  }

  /** Computing changes nothing. */
  private compute(route: string): Pick<Call, 'method' | 'path' | 'repeatable'> {
    return { method: 'POST', path: this.path(route), repeatable: true };
  }

  private path(rest = ''): string {
    return `/v1/cells/${encodeURIComponent(this.id)}${rest}`;
  }
}

type TorchQuery = Partial<Readonly<Record<'id' | 'precision', string>>>;

/** `/v1/cells`. */
export class Cells {
  private readonly transport: Transport;
  private readonly socket: () => Socket;

  constructor(transport: Transport, socket: () => Socket) {
    this.transport = transport;
    this.socket = socket;
  }

  async create({ weights, ...cell }: NewCell): Promise<Cell> {
    const json = { ...cell, ...(weights ? { weights: literals(weights) } : {}) };
    const { id } = await this.transport.json<CellDescription>(creation('/v1/cells', { json }));
    return this.get(id);
  }

  /** Makes a cell from a file of Keras, PyTorch or ONNX. `query` is as the API has it: `{ layer: 'lstm' }`. */
  async import(
    type: SentFileType,
    bytes: Uint8Array<ArrayBuffer>,
    query: Readonly<Record<string, string>> = {},
  ): Promise<Cell> {
    const path = `/v1/cells?${new URLSearchParams(query)}`;
    const { id } = await this.transport.json<CellDescription>(creation(path, { content: { type, bytes } }));
    return this.get(id);
  }

  /**
   * Makes a network of the state_dict of a PyTorch module with several layers, which `chain` names in the order in which the module calls
   * them. `options` are what no tensor tells: `{ 'head.activation': 'softmax' }`.
   */
  importTorch(
    state: Readonly<Record<string, TensorLike>>,
    chain: readonly string[],
    { options = {}, ...query }: { readonly options?: Readonly<Record<string, unknown>> } & TorchQuery = {},
  ): Promise<Cell> {
    const said = Object.entries({ chain, ...options }).map(([name, value]) => [
      `config.${name}`,
      JSON.stringify(value),
    ]);
    return this.import(SAFETENSORS, writeSafetensors(fileOf(state, {}, [])), { ...query, ...Object.fromEntries(said) });
  }

  /** The cell of this id, without asking whether it is there. */
  get(id: string): Cell {
    return new Cell(id, this.transport, this.socket);
  }

  /** All cells, page by page. */
  async *list(prefix?: string): AsyncGenerator<CellDescription, void> {
    yield* pages<CellDescription>(this.transport, '/v1/cells', { prefix });
  }
}

function creation(path: string, body: Pick<Call, 'json' | 'content'>): Call {
  return { method: 'POST', path, idempotencyKey: crypto.randomUUID(), ...body };
}

/** Tensors as JSON has them: shape and base64. */
function literals(weights: Readonly<Record<string, TensorLike>>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(weights).map(([name, value]) => {
      const { dtype, shape, data } = Tensor.from(value);
      const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
      let text = '';
      for (let i = 0; i < bytes.length; i += 8192) text += String.fromCharCode(...bytes.subarray(i, i + 8192));
      return [name, { dtype, shape, base64: btoa(text) }];
    }),
  );
}

/** The items of a list, page after page. */
export async function* pages<T>(
  transport: Transport,
  path: string,
  query: Readonly<Record<string, string | undefined>>,
): AsyncGenerator<T, void> {
  let cursor: string | null | undefined;
  do {
    const given = Object.entries({ ...query, cursor: cursor ?? undefined }).filter(([, value]) => value !== undefined);
    const page: { items: T[]; next_cursor: string | null } = await transport.json({
      method: 'GET',
      path: `${path}?${new URLSearchParams(given as [string, string][])}`,
    });
    yield* page.items;
    cursor = page.next_cursor;
  } while (cursor);
}
