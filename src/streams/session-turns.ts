/** Messages that began between two that ran alone. */
interface Era {
  running: number;
  end?: () => void;
}

/**
 * The turns of the messages of one client. Changes of one session are made in their order anyway. A message that reads a
 * session beside the one it changes, or makes one, takes its turn alone: after all that began before it, before those that
 * come after it to the same sessions.
 */
export class SessionTurns {
  private era: Era = { running: 0 };
  /** All of the eras before are over. */
  private settled: Promise<unknown> = Promise.resolve();
  /** The last message that runs alone, by session. */
  private readonly alone = new Map<unknown, Promise<unknown>>();

  /** `sessions` are those that the message names, or undefined. */
  async take<R>(sessions: readonly unknown[], alone: boolean, act: () => Promise<R>): Promise<R> {
    const before = this.alone.size === 0 ? [] : sessions.flatMap((session) => this.alone.get(session) ?? []);
    if (alone) return this.takeAlone(sessions, [this.endEra(), ...before], act);
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
    for (const session of sessions) if (session !== undefined) this.alone.set(session, acting);
    try {
      return await acting;
    } finally {
      for (const session of sessions) if (this.alone.get(session) === acting) this.alone.delete(session);
    }
  }

  /** Resolves when all that has begun is over. */
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
