import { Problem } from '../domain/problems.ts';
import type { Written } from './answer-form.ts';

/** How a socket hears of the changes that it listens to. */
export interface Telling {
  send(event: Written): void;
  /** An event cannot be written, so the socket hears no more. */
  fail(error: unknown): void;
}

/** The most sessions that one socket may listen to. */
const MOST = 1_000;

/** The sessions that one socket listens to, each with the function that ends it. */
export class Subscriptions {
  private readonly stops = new Map<string, () => void>();
  private ended = false;

  /** @throws {Problem} limit-exceeded for too many subscriptions */
  requireRoom(id: string): void {
    if (this.stops.has(id) || this.stops.size < MOST) return;
    throw new Problem(
      'limit-exceeded',
      `This socket listens to ${MOST} sessions already. Unsubscribe from one of them.`,
    );
  }

  /** Replaces an earlier subscription to the same session. */
  add(id: string, stop: () => void): void {
    this.remove(id);
    // The socket was closed in the meantime.
    if (this.ended) stop();
    else this.stops.set(id, stop);
  }

  remove(id: string): void {
    this.stops.get(id)?.();
    this.stops.delete(id);
  }

  end(): void {
    this.ended = true;
    for (const stop of this.stops.values()) stop();
    this.stops.clear();
  }
}
