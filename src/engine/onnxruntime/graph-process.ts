import { type ChildProcess, spawn } from 'node:child_process';
import type { Duplex } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { PATIENCE } from '../../threads/own-thread.ts';
import { FrameReader, frame } from './frames.ts';
import { type Answer, type Message, OVER_MEMORY } from './messages.ts';

const SCRIPT = fileURLToPath(new URL('./runtime-worker.ts', import.meta.url));
const MIB = 2 ** 20;
/** What Node and the runtime reserve at their start, in memory that could be written; they use a small part of it. */
const RESERVED_BYTES = 1280 * MIB;
/** The first argument is the bound of the memory that can be written, in KiB; then the command. */
const BOUNDED = 'ulimit -d "$0"; exec "$@"';
/** What an answer has beside its results, at most. */
const HEAD_BYTES = 64 * MIB;
/** What of stderr is kept. */
const STDERR_BYTES = 2000;
/** A process that has had nothing to do for so long ends, and what it has loaded with it. */
const IDLE_MILLISECONDS = 60_000;

/** Bounds of the process of the runtime. */
export interface RuntimeLimits {
  /** Resident bytes of one process. */
  readonly maxBytes: number;
  /** What the runs of one request may take, and what loading a graph may. */
  readonly maxSeconds: number;
  /** Processes; each runs one graph at a time. */
  readonly processes: number;
  /** Bytes of the results of one request. */
  readonly maxResultBytes: number;
}

/** How a process ended. */
export type Ending = 'over-time' | 'over-memory' | 'crashed' | 'closed';

/** The process ended while it had a message. */
export class ProcessEnded extends Error {
  readonly ending: Ending;
  /** Whether it was working on this message. */
  readonly mayBeCause: boolean;
  /** For how long it was. */
  readonly seconds: number;

  constructor(ending: Ending, seconds: number | undefined, cause: string) {
    super(`the process of the runtime ended (${ending})`, { cause: new Error(cause) });
    this.ending = ending;
    this.mayBeCause = seconds !== undefined && ending !== 'closed';
    this.seconds = seconds ?? 0;
  }
}

interface Asked {
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: ProcessEnded) => void;
}

/** The process of the runtime, seen from the service. It answers in the order in which it is asked. */
export class GraphProcess {
  private readonly child: ChildProcess;
  private readonly socket: Duplex;
  private readonly asked: Asked[] = [];
  /** Begins anew with each message that the process begins, as `idle` does when it has none left. */
  private readonly timer: NodeJS.Timeout;
  private readonly idle: NodeJS.Timeout;
  /** Until the process has started. */
  private starting: NodeJS.Timeout | undefined;
  /** When the first message had the process for itself. */
  private began = 0;
  private ending: Ending | undefined;
  private stderr = '';
  /** Settles when the process has ended. */
  readonly ended: Promise<Ending>;

  constructor(limits: RuntimeLimits) {
    const command = [process.execPath, SCRIPT, `${process.pid}`, `${limits.maxBytes}`, `${limits.maxResultBytes}`];
    const kib = `${Math.ceil((limits.maxBytes + RESERVED_BYTES) / 1024)}`;
    const [file, ...rest] = process.platform === 'win32' ? command : ['/bin/sh', '-c', BOUNDED, kib, ...command];
    // It needs none of the environment's secrets, and has no file open but the socket.
    this.child = spawn(file, rest, { env: {}, cwd: '/', stdio: ['ignore', 'ignore', 'pipe', 'pipe'] });
    this.socket = this.child.stdio[3] as Duplex;
    // Of several requests the last may go over the bound of one.
    const reader = new FrameReader<Answer>(2 * limits.maxResultBytes + HEAD_BYTES);
    this.socket.on('data', (chunk: Buffer) => {
      try {
        for (const answer of reader.push(chunk)) {
          if (this.starting) this.begin();
          else this.settle(answer);
        }
      } catch {
        this.end('crashed');
      }
    });
    // Its end is told by the process itself.
    this.socket.on('error', () => {});
    this.child.stderr?.on('data', (chunk: Buffer) => {
      this.stderr = `${this.stderr}${chunk}`.slice(-STDERR_BYTES);
    });
    this.ended = new Promise((resolve) => {
      const end = (code: unknown, signal?: unknown) => {
        resolve(this.bury(`code ${code}, signal ${signal}: ${this.stderr}`));
      };
      this.child.once('close', end);
      this.child.once('error', end);
    });
    this.starting = setTimeout(() => this.end('crashed'), PATIENCE * limits.maxSeconds * 1000).unref();
    this.timer = setTimeout(() => this.isWatched && this.end('over-time'), limits.maxSeconds * 1000).unref();
    this.idle = setTimeout(() => this.load === 0 && this.end('closed'), IDLE_MILLISECONDS).unref();
    this.child.unref();
  }

  /** How many messages it has not answered yet. */
  get load(): number {
    return this.asked.length;
  }

  /** Whether it works on a message. */
  private get isWatched(): boolean {
    return this.load > 0 && !this.starting;
  }

  get living(): boolean {
    return this.ending === undefined;
  }

  /** @throws {ProcessEnded} */
  ask(message: Message): Promise<Answer> {
    return new Promise((resolve, reject) => {
      if (this.asked.push({ resolve, reject }) === 1) this.watch();
      this.socket.cork();
      for (const part of frame(message)) this.socket.write(part);
      this.socket.uncork();
    });
  }

  /** Ends it; what it has not answered is refused. */
  end(ending: Ending): void {
    this.ending ??= ending;
    this.child.ref();
    this.child.kill('SIGKILL');
  }

  /** It has started, which is not the time of the first message. */
  private begin(): void {
    clearTimeout(this.starting);
    this.starting = undefined;
    if (this.load > 0) this.watch();
  }

  private settle(answer: Answer): void {
    this.asked.shift()?.resolve(answer);
    if (this.asked.length > 0) this.watch();
    else this.rest();
  }

  /** The first message has the process for itself from now on. */
  private watch(): void {
    this.began = performance.now();
    this.child.ref();
    this.timer.refresh();
  }

  private rest(): void {
    this.child.unref();
    this.idle.refresh();
  }

  private bury(cause: string): Ending {
    for (const timer of [this.starting, this.timer, this.idle]) clearTimeout(timer);
    this.ending ??= this.stderr.includes(OVER_MEMORY) ? 'over-memory' : 'crashed';
    const { ending } = this;
    const seconds = (performance.now() - this.began) / 1000;
    for (const [k, { reject }] of this.asked.splice(0).entries()) {
      reject(new ProcessEnded(ending, k === 0 && !this.starting ? seconds : undefined, cause));
    }
    return ending;
  }
}
