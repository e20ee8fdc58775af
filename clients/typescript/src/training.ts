import { problemOf } from './problem.ts';
import { Tensor, type TensorLike } from './tensor.ts';
import type { Transport } from './transport.ts';

export interface TrainingOptions {
  /** [batch, time, features], or [batch, time] of token ids. */
  readonly inputs: TensorLike;
  readonly targets: TensorLike;
  /** A loss by Keras' name or config. */
  readonly loss: string | Readonly<Record<string, unknown>>;
  /** An optimizer by Keras' name or config. */
  readonly optimizer: string | Readonly<Record<string, unknown>>;
  /** Updates from these inputs; 1 where left out. */
  readonly repeat?: number;
  readonly sampleWeight?: TensorLike;
  readonly mask?: TensorLike;
  readonly seed?: number;
  /** Stops after the update under way. */
  readonly signal?: AbortSignal;
}

export interface Progress {
  readonly iteration: number;
  /** Before this update. */
  readonly loss: number;
}

/** Trains as Keras' train_on_batch does, and yields each update as it is made. Leaving the loop stops the training. */
export async function* train(
  transport: Transport,
  path: string,
  { inputs, targets, sampleWeight, mask, signal, ...rest }: TrainingOptions,
): AsyncGenerator<Progress, void> {
  const stop = new AbortController();
  const signals = signal ? AbortSignal.any([signal, stop.signal]) : stop.signal;
  const json = {
    ...rest,
    inputs: literal(inputs),
    targets: literal(targets),
    ...(sampleWeight === undefined ? {} : { sample_weight: literal(sampleWeight) }),
    ...(mask === undefined ? {} : { mask: literal(mask) }),
  };
  const call = { method: 'POST', path, json, accept: 'application/jsonl', signal: signals };
  const reply = await transport.send({ ...call, idempotencyKey: crypto.randomUUID() });
  try {
    for await (const line of linesOf(reply)) {
      const message = JSON.parse(line) as Progress & { readonly code?: string; readonly status?: number };
      if (message.code !== undefined) throw problemOf(message.status ?? 500, line);
      if (typeof message.loss === 'number') yield message;
    }
  } finally {
    stop.abort();
  }
}

function literal(value: TensorLike): unknown {
  const { dtype, shape, data } = Tensor.from(value);
  return { dtype, shape, data: Array.from(data as Iterable<number | bigint>, (item) => jsonNumber(item)) };
}

/** JSON has neither infinities nor whole numbers beyond 2^53: the service reads them as text. */
function jsonNumber(item: number | bigint): number | string {
  if (typeof item === 'bigint') return `${item}`;
  return Number.isFinite(item) ? item : `${item}`;
}

async function* linesOf({ body }: Response): AsyncGenerator<string, void> {
  let rest = '';
  const decoder = new TextDecoder();
  for await (const chunk of (body ?? []) as AsyncIterable<Uint8Array>) {
    rest += decoder.decode(chunk, { stream: true });
    const lines = rest.split('\n');
    rest = lines.pop() ?? '';
    yield* lines.filter((line) => line !== '');
  }
  if (rest !== '') yield rest;
}
