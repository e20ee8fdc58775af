import type { Socket } from 'node:net';
import type { WebSocket } from '@fastify/websocket';
import type { FastifyInstance } from 'fastify';
import { Holding } from '../http/admission/in-flight.ts';
import { LONG_BYTES } from '../http/bodies/bytes.ts';
import { PIECE_BYTES } from '../http/bodies/small-pieces.ts';
import { fileOfReply } from '../http/bodies/tensor-file.ts';
import { clientAt } from '../http/callers/callers.ts';
import { nextTurn } from '../threads/in-turns.ts';
import { type AnswerForm, fieldsForm, TEXT_FORM, type Written } from './answer-form.ts';
import type { Call, Messages } from './carry-out.ts';
import { Flow, type Task } from './flow.ts';
import { type Frame, FrameReader, isFile } from './frames.ts';
import { Incoming } from './incoming.ts';
import type { MessageReader } from './read-messages.ts';

type App = Pick<FastifyInstance, 'tensorFiles' | 'account' | 'intake'>;

type SocketTask = Task<Frame>;

/** Codes for closing a socket (RFC 6455, 7.4.1, and its registry). */
export const CLOSE = { goingAway: 1001, violation: 1008, failed: 1011, tryLater: 1013 } as const;

export interface SocketLimits {
  /** The most messages of one client that run at once. */
  readonly inFlight: number;
  /** Of one message as JSON. */
  readonly maxBytes: number;
  /** The unread bytes at which the socket is closed. */
  readonly maxUnreadBytes: number;
}

/** The unread bytes at which no other message begins. */
const CONGESTED_BYTES = 2 ** 20;
const PING_MS = 30_000;
/** The time in which a client must answer a close frame. */
const CLOSE_MS = 5_000;

/** What ws keeps of a message that is not whole yet: bytes of a frame, and frames. */
interface Receiving {
  readonly _receiver: {
    readonly _bufferedBytes: number;
    readonly _buffers: readonly Buffer[];
    readonly _messageLength: number;
    readonly _fragments: readonly Buffer[];
  };
}

/** The socket of one client. Messages run side by side, and each answer is sent as soon as it is ready. */
export class SocketLine {
  private readonly socket: WebSocket;
  private readonly raw: Socket;
  private readonly app: App;
  private holding: Holding;
  /** Bytes of messages that are not answered yet. */
  private unanswered = 0;
  private readonly limits: SocketLimits;
  private readonly flow: Flow<Frame>;
  private readonly incoming: Incoming;
  private begin: (tasks: readonly SocketTask[]) => Promise<void> = async () => undefined;
  private prepare: (frame: Frame) => Promise<Frame> = async (frame) => frame;
  private readonly pings: NodeJS.Timeout;
  private alive = true;
  private corked = false;
  /** Events that wait for their turn: when the last of them is sent, and their bytes. */
  private telling: Promise<void> | undefined;
  private untold = 0;
  /** The bytes that the system had taken at the last ping. */
  private taken = 0;

  constructor(socket: WebSocket, raw: Socket, app: App, limits: SocketLimits) {
    this.socket = socket;
    this.raw = raw;
    this.app = app;
    const client = clientAt(raw.remoteAddress);
    this.holding = new Holding(app.account, client);
    this.limits = limits;
    const turn = (begin: () => void) => app.intake.take(client, begin);
    this.flow = new Flow({
      inFlight: limits.inFlight,
      maxBytes: limits.maxBytes,
      isCongested: () => socket.bufferedAmount > CONGESTED_BYTES,
      reading: (open) => (open ? socket.resume() : socket.pause()),
      turn,
      prepare: (frame) => this.prepare(frame),
      begin: (tasks) => this.begin(tasks),
    });
    // ws makes messages of what it gets at once, however many they are.
    const [parse] = raw.listeners('data') as ((bytes: Buffer) => void)[];
    const take = (bytes: Buffer) => this.take(bytes);
    this.incoming = new Incoming(this.flow, turn, (bytes) => {
      parse.call(raw, bytes);
      this.count(0);
    });
    raw.off('data', parse);
    raw.on('data', take);
    // ws then reads what is left, and ends.
    raw.prependListener('close', () => {
      raw.off('data', take);
      this.incoming.flush();
    });
    raw.on('drain', () => {
      this.count(0);
      this.flow.advance();
    });
    socket.on('pong', () => {
      this.alive = true;
    });
    this.pings = setInterval(() => this.ping(), PING_MS);
    this.pings.unref();
    socket.once('close', () => {
      clearInterval(this.pings);
      this.flow.end();
      this.holding.become(0);
    });
  }

  /** From now on, counts what it holds for a client: at first it is only of an address. */
  holdAs(client: string): void {
    this.holding.become(0);
    this.holding = new Holding(this.app.account, client);
    this.count(0);
  }

  /** Starts carrying out messages. */
  serve(messages: Messages, reader: MessageReader, call: Call): void {
    const { account, tensorFiles } = this.app;
    const fields = fieldsForm(tensorFiles);
    const carryOut = <R extends Written>(tasks: readonly SocketTask[], sent: readonly unknown[], form: AnswerForm<R>) =>
      messages.carryOutAll(sent, { form, call }, (place, answer) => {
        const bytes = this.send(answer);
        this.count(-tasks[place].bytes);
        this.flow.done(tasks[place], bytes);
      });
    const frames = new FrameReader(reader, this.limits.maxBytes);
    const read = ({ message }: SocketTask) => frames.read(message);
    this.prepare = (frame) => frames.prepare(frame, this.holding.client);
    this.begin = async (tasks) => {
      // Runs of one kind, in their order: two messages may be for one session.
      for (let from = 0, to = 0; from < tasks.length; from = to) {
        const areFiles = isFile(tasks[from].message);
        while (to < tasks.length && isFile(tasks[to].message) === areFiles) to++;
        const run = tasks.slice(from, to);
        await (areFiles ? carryOut(run, run.map(read), fields) : carryOut(run, run.map(read), TEXT_FORM));
      }
    };
    let advancing = false;
    this.socket.on('message', (data: Buffer, isBinary: boolean) => {
      if (this.holding.fits(data.length)) {
        this.count(data.length);
        this.flow.add(data.length, { data, isFile: isBinary });
      } else this.flow.add(0, account.overloaded());
      if (advancing) return;
      advancing = true;
      // Messages that came together begin together.
      process.nextTick(() => {
        advancing = false;
        this.flow.advance();
      });
    });
  }

  /**
   * Closes the socket of a client that leaves too much unread, because missed answers cannot be kept. Returns the number of
   * bytes sent.
   */
  send(answer: Written): number {
    const { socket, raw } = this;
    if (socket.readyState !== socket.OPEN) return 0;
    // Answers that are ready together are sent together.
    if (!this.corked) {
      this.corked = true;
      raw.cork();
      process.nextTick(() => {
        this.corked = false;
        raw.uncork();
      });
    }
    const sent = typeof answer === 'string' ? answer : this.app.tensorFiles.write(fileOfReply(answer)).subarray();
    socket.send(sent);
    this.count(0);
    if (socket.bufferedAmount > this.limits.maxUnreadBytes) this.close(CLOSE.tryLater, 'Answers are not read.');
    return sent.length;
  }

  /** Sends an event, a long one when it is the client's turn: many sockets may listen to one session. */
  tell(event: Written): void {
    const { length } = typeof event === 'string' ? event : { length: LONG_BYTES };
    if (!this.telling && length < LONG_BYTES) return void this.send(event);
    this.untold += length;
    if (this.untold > this.limits.maxUnreadBytes) return void this.close(CLOSE.tryLater, 'Events are not read.');
    const last = (this.telling ?? Promise.resolve())
      .then(() => nextTurn(this.holding.client))
      .then(() => {
        this.untold -= length;
        if (this.telling === last) this.telling = undefined;
        this.send(event);
      });
    this.telling = last;
  }

  /** Finishes running messages, then closes the socket. */
  async finish(): Promise<void> {
    this.incoming.flush();
    this.socket.pause();
    await this.flow.settled();
    this.close(CLOSE.goingAway, 'The service is shutting down.');
  }

  close(code: number, reason: string): void {
    this.flow.end();
    this.socket.close(code, reason);
    // Waits for the answer to the close frame, for a limited time.
    this.socket.resume();
    setTimeout(() => this.socket.terminate(), CLOSE_MS).unref();
  }

  private take(bytes: Buffer): void {
    if (!this.holding.fits(bytes.length)) return void this.socket.terminate();
    this.incoming.take(bytes);
    this.count(0);
  }

  /** What has come of a message that is not whole yet. A piece of it takes more than its bytes. */
  private get coming(): number {
    const { _bufferedBytes, _messageLength, _buffers, _fragments } = (this.socket as unknown as Receiving)._receiver;
    const pieces = _buffers.length + _fragments.length;
    return this.incoming.bytes + _bufferedBytes + _messageLength + pieces * PIECE_BYTES;
  }

  /** Counts what it holds anew. */
  private count(more: number): void {
    this.unanswered += more;
    if (this.socket.readyState === this.socket.CLOSED) return;
    this.holding.become(this.unanswered + this.coming + this.socket.bufferedAmount);
  }

  /** A client that neither answers pings nor takes bytes is gone. A client whose socket we do not read cannot answer. */
  private ping(): void {
    const { socket, raw } = this;
    const taken = raw.bytesWritten - raw.writableLength;
    const stuck = raw.writableLength > 0 && taken === this.taken;
    this.taken = taken;
    if (stuck) this.close(CLOSE.tryLater, 'Answers are not read.');
    else if (!this.alive && !socket.isPaused) socket.terminate();
    else {
      this.alive = false;
      socket.ping();
    }
  }
}
