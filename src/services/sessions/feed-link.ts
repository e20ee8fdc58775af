import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { Bus } from '../../domain/ports.ts';

/** What processes say to each other, before the bytes of a session. */
type Said =
  /** Tell me of these sessions; with a nonce, say that you heard. */
  | { readonly kind: 'ask'; readonly keys: readonly string[]; readonly nonce?: string }
  | { readonly kind: 'heard'; readonly nonce: string }
  | { readonly kind: 'changed' | 'ended'; readonly key: string };

export interface FeedLinkEvents {
  readonly heard: (key: string, bytes: Uint8Array | null) => void;
  /** To look whether something was lost. */
  readonly check: (key: string) => Promise<void>;
}

/** What was asked for holds for so long, and is asked again so often. */
const ASKED_MS = 30_000;
const AGAIN_MS = 10_000;
/** One that does not answer is gone, or busy: it hears of it all the same, or is found by the next look at the store. */
const ANSWER_MS = 500;
const NEWLINE = 0x0a;

/** Asks the other processes of the service for the changes of sessions, and tells them of those that they ask for. */
export class FeedLink {
  private readonly bus: Bus;
  private readonly events: FeedLinkEvents;
  /** What this one asked for, and when the others know. */
  private readonly own = new Map<string, Promise<void>>();
  /** Until when others want to hear of a session. */
  private readonly asked = new Map<string, number>();
  private readonly answers = new Map<string, () => void>();
  private readonly timer: NodeJS.Timeout;

  constructor(bus: Bus, events: FeedLinkEvents) {
    this.bus = bus;
    this.events = events;
    bus.listen((message) => this.hear(message));
    this.timer = setInterval(() => this.renew(), AGAIN_MS);
    this.timer.unref();
  }

  get isAsked(): boolean {
    return this.asked.size > 0;
  }

  asksFor(key: string): boolean {
    return this.asked.has(key);
  }

  /** Resolves once the others know, as far as they answer. */
  ask(key: string): Promise<void> {
    const known = this.own.get(key) ?? this.askAll(key);
    this.own.set(key, known);
    return known;
  }

  private async askAll(key: string): Promise<void> {
    const nonce = randomUUID();
    let missing = Number.POSITIVE_INFINITY;
    let heard = 0;
    const all = new Promise<void>((resolve) => {
      this.answers.set(nonce, () => {
        if (++heard >= missing) resolve();
      });
    });
    missing = await this.say({ kind: 'ask', keys: [key], nonce });
    if (heard < missing) await Promise.race([all, delay(ANSWER_MS, undefined, { ref: false })]);
    this.answers.delete(nonce);
  }

  forget(key: string): void {
    this.own.delete(key);
  }

  tell(key: string, bytes: Uint8Array | null): void {
    if (this.asked.has(key)) void this.say({ kind: bytes ? 'changed' : 'ended', key }, bytes ?? undefined);
  }

  async close(): Promise<void> {
    clearInterval(this.timer);
    await this.bus.close();
  }

  private async say(said: Said, bytes: Uint8Array = new Uint8Array()): Promise<number> {
    const message = Buffer.concat([Buffer.from(`${JSON.stringify(said)}\n`), bytes]);
    return this.bus.broadcast(message).catch(() => 0);
  }

  private hear(message: Uint8Array): void {
    const end = message.indexOf(NEWLINE);
    const said = JSON.parse(Buffer.from(message.subarray(0, end)).toString()) as Said;
    switch (said.kind) {
      case 'ask':
        for (const key of said.keys) this.asked.set(key, Date.now() + ASKED_MS);
        if (said.nonce !== undefined) void this.say({ kind: 'heard', nonce: said.nonce });
        break;
      case 'heard':
        this.answers.get(said.nonce)?.();
        break;
      default:
        if (this.own.has(said.key)) {
          this.events.heard(said.key, said.kind === 'ended' ? null : new Uint8Array(message.subarray(end + 1)));
        }
    }
  }

  private renew(): void {
    const now = Date.now();
    for (const [key, until] of this.asked) if (until < now) this.asked.delete(key);
    if (this.own.size === 0) return;
    void this.say({ kind: 'ask', keys: [...this.own.keys()] });
    for (const key of this.own.keys()) void this.events.check(key).catch(() => undefined);
  }
}
