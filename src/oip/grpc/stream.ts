import type { ServerDuplexStream } from '@grpc/grpc-js';
import { NOT_SMALL_BYTES } from '../../http/bodies/bytes.ts';
import { Flow } from '../../streams/flow.ts';
import { atOnce, inTurns } from '../../threads/in-turns.ts';
import type { InferCall } from './infer-request.ts';
import type { CallFailure } from './statuses.ts';

/** A message as it came, or what was read of it: a request, or why there is none. */
type Sent = Buffer | { readonly request: InferCall } | { readonly refusal: unknown };

export interface InferStreamParts {
  readonly client: string;
  /** Messages of one stream that are carried out at once. */
  readonly inFlight: number;
  /** Calls back when it is the client's turn to begin messages, maybe at once. */
  readonly turn: (begin: () => void) => void;
  /** Of these messages. */
  readonly maxBytes: number;
  /** Reads a message in slices. @throws {Problem} */
  reading(message: Buffer): Generator<void, InferCall>;
  /** The answer, as it is sent. Never rejects. */
  infer(request: InferCall): Promise<Buffer>;
  refuse(error: unknown): Buffer;
  /** Hears of the bytes of each answer that is there, and of as many less when it is written. */
  waits(bytes: number): void;
}

/**
 * ModelStreamInfer. Requests run side by side, but requests of one sequence run one after another. Answers keep the order of
 * the requests.
 */
export class InferStream {
  private readonly call: ServerDuplexStream<Buffer, Buffer>;
  private readonly parts: InferStreamParts;
  private readonly flow: Flow<Sent>;
  /** The last running request of each sequence. */
  private readonly sequences = new Map<string, Promise<Buffer>>();
  private last: Promise<unknown> = Promise.resolve();
  private ending = false;

  constructor(call: ServerDuplexStream<Buffer, Buffer>, parts: InferStreamParts) {
    this.call = call;
    this.parts = parts;
    this.flow = new Flow({
      inFlight: parts.inFlight,
      maxBytes: parts.maxBytes,
      isCongested: () => call.writableNeedDrain,
      reading: (open) => (open ? call.resume() : call.pause()),
      turn: parts.turn,
      longBytes: NOT_SMALL_BYTES,
      prepare: (message) => inTurns(this.read(message), parts.client),
      begin: (tasks) => {
        for (const task of tasks) void this.carryOut(task.message).then((bytes) => this.flow.done(task, bytes));
      },
    });
    call.on('data', (message: Buffer) => {
      this.flow.add(message.length, message);
      this.flow.advance();
    });
    call.on('drain', () => this.flow.advance());
    call.on('end', () => void this.finish());
    call.on('cancelled', () => this.flow.end());
    call.on('error', () => this.flow.end());
  }

  /** Answers the requests that have begun, then ends the stream, with an error if the client may have sent more. */
  async finish(failure?: CallFailure): Promise<void> {
    if (this.ending) return;
    this.ending = true;
    this.call.pause();
    await this.flow.settled();
    if (failure) this.call.emit('error', failure);
    else this.call.end();
  }

  /** Resolves with the length of the answer once it is written, in order. */
  private carryOut(message: Sent): Promise<number> {
    const { waits } = this.parts;
    const answer = this.begin(message).then((sent) => {
      waits(sent.length);
      return sent;
    });
    const written = this.last.then(async () => {
      const sent = await answer;
      if (!this.call.cancelled) this.call.write(sent);
      waits(-sent.length);
      return sent.length;
    });
    this.last = written;
    return written;
  }

  /** Never throws. */
  private *read(message: Sent): Generator<void, Exclude<Sent, Buffer>> {
    if (!Buffer.isBuffer(message)) return message;
    try {
      return { request: yield* this.parts.reading(message) };
    } catch (refusal) {
      return { refusal };
    }
  }

  private async begin(message: Sent): Promise<Buffer> {
    const read = atOnce(this.read(message));
    if ('refusal' in read) return this.parts.refuse(read.refusal);
    const { request } = read;
    const { sequence } = request;
    if (sequence === undefined) return this.parts.infer(request);
    const before = this.sequences.get(sequence);
    const answer = before ? before.then(() => this.parts.infer(request)) : this.parts.infer(request);
    this.sequences.set(sequence, answer);
    const answered = await answer;
    if (this.sequences.get(sequence) === answer) this.sequences.delete(sequence);
    return answered;
  }
}
