/** What a client has sent, and how many bytes that was. */
interface Task {
  readonly bytes: number;
  readonly run: Run;
}

/** Carries out a message. Resolves with the bytes of its answer, never rejects. */
type Run = () => Promise<number>;

export interface FlowOptions {
  /** Messages that are carried out at once. */
  readonly inFlight: number;
  /** Of bytes, unless one message has more by itself. */
  readonly maxBytes: number;
  /** About how many bytes the answers of the messages under way may have; one message is always carried out. */
  readonly answerBytes?: number;
  /** Whether so many answers are unread that no other message is begun. */
  readonly isCongested: () => boolean;
  /** More may be read, or not. */
  readonly reading: (open: boolean) => void;
}

/** Messages that are carried out at once before an answer shows how large answers are. */
const FIRST_WINDOW = 16;
/** How much of the largest answer is believed of the next one: clients change what they ask for. */
const FORGETTING = 0.98;
const MOST_ANSWER_BYTES = 16 * 2 ** 20;

/**
 * Carries out the messages of one client in their order, without waiting for the answers, as far as the bounds go; beyond
 * them it reads no more. What has been read already waits: at most what one read brings.
 */
export class Flow {
  private readonly options: FlowOptions;
  private waiting: Task[] = [];
  private next = 0;
  private running = 0;
  private window = FIRST_WINDOW;
  private largest = 0;
  private bytes = 0;
  private open = true;
  private ended = false;
  private idle: (() => void) | undefined;

  constructor(options: FlowOptions) {
    this.options = options;
  }

  add(bytes: number, run: Run): void {
    if (!this.ended) this.waiting.push({ bytes, run });
  }

  /** Begins what the bounds let begin. To be called after `add`, and when answers have been read. */
  advance(): void {
    const { maxBytes, isCongested } = this.options;
    while (this.next < this.waiting.length && this.hasRoom() && !isCongested()) {
      const task = this.waiting[this.next];
      if (this.running > 0 && this.bytes + task.bytes > maxBytes) break;
      this.next++;
      void this.begin(task);
    }
    if (this.next === this.waiting.length) {
      this.waiting = [];
      this.next = 0;
    }
    const open = this.waiting.length === 0 && this.hasRoom() && this.bytes < maxBytes && !isCongested();
    if (open === this.open) return;
    this.open = open;
    this.options.reading(open);
  }

  /** Begins nothing any more. */
  end(): void {
    this.ended = true;
    this.waiting = [];
    this.next = 0;
    this.tellIdle();
  }

  /** Resolves when all that was added is carried out. */
  async settled(): Promise<void> {
    if (this.running === 0 && this.waiting.length === 0) return;
    await new Promise<void>((resolve) => {
      this.idle = resolve;
    });
  }

  private hasRoom(): boolean {
    const { inFlight, answerBytes = MOST_ANSWER_BYTES } = this.options;
    const expected = (this.running + 1) * this.largest;
    return this.running < Math.min(inFlight, this.window) && (this.running === 0 || expected <= answerBytes);
  }

  private async begin({ bytes, run }: Task): Promise<void> {
    this.running++;
    this.bytes += bytes;
    const answered = await run();
    this.largest = Math.max(answered, this.largest * FORGETTING);
    this.window = Math.min(this.options.inFlight, this.window + 1);
    this.running--;
    this.bytes -= bytes;
    this.advance();
    this.tellIdle();
  }

  private tellIdle(): void {
    if (this.running === 0 && this.waiting.length === 0) this.idle?.();
  }
}
