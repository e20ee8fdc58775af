import { LONG_BYTES } from '../http/bodies/bytes.ts';

/** A message of a client and its size in bytes. */
export interface Task<M> {
  readonly bytes: number;
  readonly message: M;
}

export interface FlowOptions<M> {
  /** The most messages that run at once. */
  readonly inFlight: number;
  /** The most bytes of running messages, unless a single message has more. */
  readonly maxBytes: number;
  /** About the most bytes that the answers of running messages may have. One message always runs. */
  readonly answerBytes?: number;
  /** Whether so many answers are unread that no other message may begin. */
  readonly isCongested: () => boolean;
  /** Calls back when it is the client's turn to begin messages, maybe at once. */
  readonly turn: (begin: () => void) => void;
  /** A message of so many bytes is long; LONG_BYTES by default. */
  readonly longBytes?: number;
  /** Reads a long message, in turns of the event loop. Never rejects. */
  readonly prepare: (message: M) => Promise<M>;
  /** Carries out messages that may begin now. Call `done` for each when it is answered. Others begin when all of them have begun. */
  readonly begin: (tasks: readonly Task<M>[]) => void | Promise<void>;
  /** Called with whether more may be read. */
  readonly reading: (open: boolean) => void;
}

/** The most messages that run at once before the first answer shows how large answers are. */
const FIRST_WINDOW = 16;
/** The part of the largest answer that the next estimate keeps, because requests change. */
const FORGETTING = 0.98;
const MOST_ANSWER_BYTES = 16 * 2 ** 20;

/**
 * Begins the messages of one client in order, without waiting for answers, up to the limits. At a limit it stops reading.
 * Messages that have been read already wait: at most those of one read.
 */
export class Flow<M> {
  private readonly options: FlowOptions<M>;
  private waiting: Task<M>[] = [];
  private next = 0;
  private running = 0;
  private window = FIRST_WINDOW;
  private largest = 0;
  private bytes = 0;
  private open = true;
  private paused = false;
  /** Waits for a turn, or for messages that begin. */
  private isWaiting = false;
  /** The long message that comes next, once it is read. */
  private ready: Task<M> | undefined;
  private isPreparing = false;
  private ended = false;
  private idle: (() => void) | undefined;
  private advancing = false;

  constructor(options: FlowOptions<M>) {
    this.options = options;
  }

  add(bytes: number, message: M): void {
    if (!this.ended) this.waiting.push({ bytes, message });
  }

  /** A message is answered, with so many bytes. */
  done({ bytes }: Task<M>, answered: number): void {
    this.largest = Math.max(answered, this.largest * FORGETTING);
    this.window = Math.min(this.options.inFlight, this.window + 1);
    this.running--;
    this.bytes -= bytes;
    if (this.advancing) return;
    this.advancing = true;
    // Messages that are answered together are followed by as many that begin together.
    queueMicrotask(() => {
      this.advancing = false;
      this.advance();
      this.tellIdle();
    });
  }

  /** Begins messages up to the limits, when it is the client's turn. Call it after `add` and when answers have been read. */
  advance(): void {
    if (!this.isWaiting && this.mayBegin()) {
      this.isWaiting = true;
      this.options.turn(() => this.beginSome());
    }
    this.tellReading();
  }

  /** Reads no more until `resume`, whatever room there is. */
  pause(): void {
    this.paused = true;
    this.tellReading();
  }

  resume(): void {
    this.paused = false;
    this.tellReading();
  }

  /** Begins nothing any more. */
  end(): void {
    this.ended = true;
    this.waiting = [];
    this.next = 0;
    this.tellIdle();
  }

  /** Resolves when all added messages are done. */
  async settled(): Promise<void> {
    if (this.running === 0 && this.waiting.length === 0) return;
    await new Promise<void>((resolve) => {
      this.idle = resolve;
    });
  }

  /** Begins all that may begin, or as many as have LONG_BYTES together: the others when it is the client's turn again. */
  private beginSome(): void {
    const { longBytes = LONG_BYTES } = this.options;
    const begun: Task<M>[] = [];
    for (let bytes = 0; this.mayBegin(); ) {
      const task = this.waiting[this.next];
      bytes += task.bytes;
      if (begun.length > 0 && bytes > LONG_BYTES) break;
      if (task.bytes >= longBytes && !this.isReady(task)) break;
      this.next++;
      this.running++;
      this.bytes += task.bytes;
      begun.push(task);
    }
    if (this.next === this.waiting.length) {
      this.waiting = [];
      this.next = 0;
    }
    this.tellReading();
    const goOn = () => {
      this.isWaiting = false;
      if (begun.length > 0) this.advance();
    };
    const beginning = begun.length > 0 ? this.options.begin(begun) : undefined;
    if (beginning) void beginning.then(goOn);
    else goOn();
  }

  /** Whether a long message is read, which comes next; otherwise it will be. */
  private isReady(task: Task<M>): boolean {
    if (task === this.ready) return true;
    if (!this.isPreparing) void this.prepare(task);
    return false;
  }

  private async prepare(task: Task<M>): Promise<void> {
    this.isPreparing = true;
    this.ready = { bytes: task.bytes, message: await this.options.prepare(task.message) };
    this.isPreparing = false;
    if (this.waiting[this.next] === task) this.waiting[this.next] = this.ready;
    this.advance();
  }

  private tellReading(): void {
    const { maxBytes, isCongested } = this.options;
    const hasRoom = this.waiting.length === 0 && this.hasRoom() && this.bytes < maxBytes;
    const open = !this.paused && hasRoom && !isCongested();
    if (open === this.open) return;
    this.open = open;
    this.options.reading(open);
  }

  private mayBegin(): boolean {
    const { waiting, running, options } = this;
    if (this.next === waiting.length || !this.hasRoom() || options.isCongested()) return false;
    return running === 0 || this.bytes + waiting[this.next].bytes <= options.maxBytes;
  }

  private hasRoom(): boolean {
    const { inFlight, answerBytes = MOST_ANSWER_BYTES } = this.options;
    const expected = (this.running + 1) * this.largest;
    return this.running < Math.min(inFlight, this.window) && (this.running === 0 || expected <= answerBytes);
  }

  private tellIdle(): void {
    if (this.running === 0 && this.waiting.length === 0) this.idle?.();
  }
}
