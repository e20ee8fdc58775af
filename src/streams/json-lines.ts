import type { Readable, Writable } from 'node:stream';
import { type Account, Holding } from '../http/admission/in-flight.ts';
import { inTurns } from '../threads/in-turns.ts';
import { TEXT_FORM } from './answer-form.ts';
import type { Call, Messages } from './carry-out.ts';
import { Flow, type Task } from './flow.ts';
import { Incoming } from './incoming.ts';
import { LineSplitter } from './line-splitter.ts';
import { type MessageReader, tooLong } from './read-messages.ts';

export interface StreamLimits {
  /** The most messages of one client that run at once. */
  readonly inFlight: number;
  /** Of one message. */
  readonly maxBytes: number;
}

/** The bytes of unread answers at which no other message begins. */
const MOST_UNREAD_BYTES = 2 ** 20;

/**
 * Answers each line of `input` with a line of `output` as soon as it is done. Lines of one session keep their order. It stops
 * reading if the client reads no answers. Resolves when everything is answered or the client is gone.
 */
export function answerLines(
  input: Readable,
  output: Writable,
  {
    messages,
    reader,
    call,
    limits,
    account,
    turn,
    client,
  }: {
    readonly messages: Messages;
    readonly reader: MessageReader;
    readonly call: Call;
    readonly limits: StreamLimits;
    readonly account: Account;
    /** Begins what came, at once or when it is its turn. */
    readonly turn: (begin: () => void) => void;
    /** Whose bytes they are. */
    readonly client: string;
  },
): { stop(): void } {
  const splitter = new LineSplitter(limits.maxBytes);
  const flow = new Flow<unknown>({
    inFlight: limits.inFlight,
    maxBytes: limits.maxBytes,
    isCongested: () => output.writableLength > MOST_UNREAD_BYTES,
    reading: (open) => (open ? input.resume() : input.pause()),
    turn,
    prepare: (line) => inTurns(reader.inSlices(line as Buffer), client),
    begin,
  });
  const incoming = new Incoming(flow, turn, look);
  const holding = new Holding(account, client);
  let unanswered = 0;
  let ready = '';

  function count(more: number): void {
    unanswered += more;
    if (!output.closed) holding.become(unanswered + output.writableLength + splitter.bytes);
  }

  function write(): void {
    const lines = ready;
    ready = '';
    if (!output.destroyed) output.write(lines);
    count(0);
  }

  function begin(tasks: readonly Task<unknown>[]): Promise<void> {
    const sent = tasks.map(({ message }) => (message instanceof Buffer ? reader.text(message) : message));
    return messages.carryOutAll(sent, { form: TEXT_FORM, call }, (place, line) => {
      // Answers that are committed together are written together.
      if (ready === '') process.nextTick(write);
      ready += `${line}\n`;
      count(-tasks[place].bytes);
      flow.done(tasks[place], line.length);
    });
  }

  function take(text: Buffer): void {
    for (const { message, bytes } of reader.lines(text)) {
      if (!holding.fits(bytes)) {
        flow.add(0, account.overloaded());
        continue;
      }
      count(bytes);
      flow.add(bytes, message);
    }
  }

  async function finish(): Promise<void> {
    input.off('data', read);
    incoming.flush();
    const last = splitter.end();
    if (last) take(last);
    flow.advance();
    await flow.settled();
    // Ends after the remaining lines.
    process.nextTick(() => output.end());
  }

  function look(chunk: Buffer): void {
    const { text, tooLong: over } = splitter.push(chunk);
    if (over) flow.add(0, tooLong(limits.maxBytes));
    if (text) take(text);
    flow.advance();
  }

  function read(chunk: Buffer): void {
    incoming.take(chunk);
  }

  input.on('data', read);
  input.once('end', finish);
  input.once('error', () => output.destroy());
  output.on('drain', () => {
    count(0);
    flow.advance();
  });
  output.once('close', () => {
    flow.end();
    holding.become(0);
    input.off('data', read);
    input.resume();
  });
  return { stop: () => void finish() };
}
