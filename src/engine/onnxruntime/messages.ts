import type { Dtype, Shape } from '../../domain/tensor.ts';

/** What a message has beside its JSON, where the length stands for the bytes. */
export interface Attached {
  readonly bytes: Uint8Array;
}

/** Tensors of one dtype and shape between the processes: their elements as little-endian bytes, one after another. */
export interface SentTensors extends Attached {
  readonly dtype: Dtype;
  /** Of each. */
  readonly shape: Shape;
  readonly count: number;
}

export interface LoadMessage {
  readonly op: 'load';
  readonly graph: string;
  readonly model: Attached;
}

export interface ReleaseMessage {
  readonly op: 'release';
  readonly graph: string;
}

/** Runs of one row, one after another: an input of the graph's states takes what the output beside it gave. */
export interface SentRow {
  readonly runs: number;
  /** In the order of the inputs of the message: a tensor for each run, or one for all. */
  readonly inputs: readonly SentTensors[];
  /** One tensor for each state. */
  readonly states: readonly SentTensors[];
}

/** What one request asks for. */
export interface SentRequest {
  readonly rows: readonly SentRow[];
  /** Whether the states after each run are wanted, not only those after the last. */
  readonly everyState: boolean;
}

/** Requests to one graph, carried out one after another. */
export interface RunMessage {
  readonly op: 'run';
  readonly graph: string;
  readonly inputs: readonly string[];
  readonly constants: readonly (readonly [name: string, tensor: SentTensors])[];
  readonly states: readonly { readonly name: string; readonly output: string }[];
  readonly outputs: readonly string[];
  readonly requests: readonly SentRequest[];
}

export type Message = LoadMessage | ReleaseMessage | RunMessage;

/** What came of one row. Tensors of several runs go together as far as they are alike. */
export interface RowResult {
  /** For each output of the message, of all runs. */
  readonly outputs: readonly (readonly SentTensors[])[];
  /** For each state, after each run or after the last one alone. */
  readonly states: readonly (readonly SentTensors[])[];
}

/** What the runtime says of a graph or of its inputs, or why there is no result. */
export interface Fault {
  readonly fault: string;
  readonly kind: 'refused' | 'too-large' | 'not-loaded' | 'not-installed' | 'not-run';
}

/** Of one request; no rows for what is no run. */
export type Result = { readonly rows: readonly RowResult[] } | Fault;

/** Answers come in the order of the messages, each with a result for each of its requests, and the seconds that it took. */
export interface Answer {
  readonly results: readonly Result[];
  readonly seconds: readonly number[];
}

/** The same message with each of its parts that have bytes as `change` returns it, in an order that both processes know. */
export function withAttached<M extends Message | Answer>(message: M, change: <A extends Attached>(part: A) => A): M {
  return changed(message, change) as M;
}

function changed(message: Message | Answer, change: <A extends Attached>(part: A) => A): Message | Answer {
  const each = (parts: readonly SentTensors[]) => parts.map((part) => change(part));
  if ('results' in message) {
    const row = ({ outputs, states }: RowResult) => ({ outputs: outputs.map(each), states: states.map(each) });
    const results = message.results.map((result) => ('rows' in result ? { rows: result.rows.map(row) } : result));
    return { ...message, results };
  }
  if (message.op === 'load') return { ...message, model: change(message.model) };
  if (message.op === 'release') return message;
  const row = ({ runs, inputs, states }: SentRow) => ({ runs, inputs: each(inputs), states: each(states) });
  return {
    ...message,
    constants: message.constants.map(([name, tensor]) => [name, change(tensor)]),
    requests: message.requests.map(({ rows, everyState }) => ({ rows: rows.map(row), everyState })),
  };
}

/** What the process writes to stderr before it ends itself because it has too much memory. */
export const OVER_MEMORY = 'cellstep: over its memory\n';
