/** The messages that began after one exclusive message and before the next. */
interface Era {
  running: number;
  end?: () => void;
}

/**
 * Keeps the messages of one client in order. Changes of one session keep their order without it. But a fork reads a second
 * session, and an open makes one. Such a message is exclusive: it starts when all earlier messages are done, and later
 * messages to its sessions wait for it.
 */
export class SessionTurns {
  private era: Era = { running: 0 };
  /** Resolves when all earlier eras are over. */
  private settled: Promise<unknown> = Promise.resolve();
  /** The last exclusive message of each session. */
  private readonly exclusive = new Map<unknown, Promise<unknown>>();

  /** Whether no message runs that others may have to wait for. */
  get isFree(): boolean {
    return this.exclusive.size === 0;
  }

  /** `sessions` are the ids in the message. An id that it lacks is undefined. */
  async take<R>(sessions: readonly unknown[], isExclusive: boolean, act: () => Promise<R>): Promise<R> {
    const before = this.exclusive.size === 0 ? [] : sessions.flatMap((session) => this.exclusive.get(session) ?? []);
    if (isExclusive) return this.takeAlone(sessions, [this.endEra(), ...before], act);
    const { era } = this;
    era.running++;
    try {
      if (before.length > 0) await Promise.allSettled(before);
      return await act();
    } finally {
      era.running--;
      if (era.running === 0) era.end?.();
    }
  }

  private async takeAlone<R>(
    sessions: readonly unknown[],
    before: readonly Promise<unknown>[],
    act: () => Promise<R>,
  ): Promise<R> {
    const acting = Promise.allSettled(before).then(act);
    for (const session of sessions) if (session !== undefined) this.exclusive.set(session, acting);
    try {
      return await acting;
    } finally {
      for (const session of sessions) if (this.exclusive.get(session) === acting) this.exclusive.delete(session);
    }
  }

  /** Resolves when all messages that have begun are done. */
  private endEra(): Promise<unknown> {
    const { era } = this;
    if (era.running > 0) {
      const { promise, resolve } = Promise.withResolvers<void>();
      era.end = resolve;
      this.settled = Promise.all([this.settled, promise]);
      this.era = { running: 0 };
    }
    return this.settled;
  }
}
