import type { Socket } from 'node:net';
import type { WebSocket } from '@fastify/websocket';
import type { TensorFiles } from '../domain/files.ts';
import { fileOfReply } from '../http/tensor-file.ts';
import { type AnswerForm, fieldsForm, TEXT_FORM, type Written } from './answer-form.ts';
import type { Call, Messages } from './carry-out.ts';
import { Flow } from './flow.ts';
import type { MessageReader } from './read-messages.ts';

/** Why a socket is closed (RFC 6455, 7.4.1, and the registry after it). */
export const CLOSE = { goingAway: 1001, violation: 1008, tryLater: 1013 } as const;

export interface SocketLimits {
  /** Messages of one client that are carried out at once. */
  readonly inFlight: number;
  /** Of one message. */
  readonly maxBytes: number;
  /** Unread bytes at which a client is given up. */
  readonly maxUnreadBytes: number;
}

/** Unread bytes beyond which no message is begun. */
const CONGESTED_BYTES = 2 ** 20;
const PING_MS = 30_000;
/** In which a client has to answer a close frame. */
const CLOSE_MS = 5_000;

/** One client's socket: what comes is carried out side by side, each answer goes out when it is there. */
export class SocketLine {
  private readonly socket: WebSocket;
  private readonly raw: Socket;
  private readonly files: TensorFiles;
  private readonly limits: SocketLimits;
  private readonly flow: Flow;
  private readonly pings: NodeJS.Timeout;
  private alive = true;
  private corked = false;
  /** What the system had taken at the last ping. */
  private taken = 0;

  constructor(socket: WebSocket, raw: Socket, files: TensorFiles, limits: SocketLimits) {
    this.socket = socket;
    this.raw = raw;
    this.files = files;
    this.limits = limits;
    this.flow = new Flow({
      inFlight: limits.inFlight,
      maxBytes: limits.maxBytes,
      isCongested: () => socket.bufferedAmount > CONGESTED_BYTES,
      reading: (open) => (open ? socket.resume() : socket.pause()),
    });
    raw.on('drain', () => this.flow.advance());
    socket.on('pong', () => {
      this.alive = true;
    });
    this.pings = setInterval(() => this.ping(), PING_MS);
    this.pings.unref();
    socket.once('close', () => {
      clearInterval(this.pings);
      this.flow.end();
    });
  }

  /** Carries out all messages from here on. */
  serve(messages: Messages, reader: MessageReader, call: Call): void {
    const fields = fieldsForm(this.files);
    this.socket.on('message', (data: Buffer, isFile: boolean) => {
      const answer = async <R extends Written>(message: unknown, form: AnswerForm<R>) =>
        this.send(await messages.carryOut(message, form, call));
      const run = isFile ? () => answer(reader.file(data), fields) : () => answer(reader.text(data), TEXT_FORM);
      this.flow.add(data.length, run);
      this.flow.advance();
    });
  }

  /**
   * A client that has left too much unread is given up: what it has missed cannot be kept for it. Returns how much was
   * sent.
   */
  send(answer: Written): number {
    const { socket, raw } = this;
    if (socket.readyState !== socket.OPEN) return 0;
    // What is ready together goes out together.
    if (!this.corked) {
      this.corked = true;
      raw.cork();
      process.nextTick(() => {
        this.corked = false;
        raw.uncork();
      });
    }
    const sent = typeof answer === 'string' ? answer : this.files.write(fileOfReply(answer));
    socket.send(sent);
    if (socket.bufferedAmount > this.limits.maxUnreadBytes) this.close(CLOSE.tryLater, 'Answers are not read.');
    return sent.length;
  }

  /** Ends what is under way, and then the socket. */
  async finish(): Promise<void> {
    this.socket.pause();
    await this.flow.settled();
    this.close(CLOSE.goingAway, 'The service is shutting down.');
  }

  close(code: number, reason: string): void {
    this.flow.end();
    this.socket.close(code, reason);
    // The answer to the close frame has to be read; one that does not come is not waited for.
    this.socket.resume();
    setTimeout(() => this.socket.terminate(), CLOSE_MS).unref();
  }

  /** One that neither answers nor takes anything is gone. One that is not read from cannot answer. */
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
