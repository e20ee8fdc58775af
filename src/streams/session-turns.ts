/** Messages of one session that are not answered yet. */
interface Under {
  /** The last message that runs alone, and the ones after it that run side by side. */
  alone: Promise<unknown> | undefined;
  readonly others: Set<Promise<unknown>>;
}

/**
 * Orders the messages of one client. Changes of one session always keep their order. A message that also reads another
 * session, or makes a session, runs alone: after all messages before it and before all after it.
 */
export class SessionTurns {
  private readonly sessions = new Map<string, Under>();

  async take<R>(sessions: readonly string[], alone: boolean, act: () => Promise<R>): Promise<R> {
    const all = sessions.map((session) => this.of(session));
    const before = all.flatMap((under) => [...(under.alone ? [under.alone] : []), ...(alone ? under.others : [])]);
    const acting = before.length > 0 ? Promise.allSettled(before).then(act) : Promise.try(act);
    for (const under of all) {
      if (!alone) under.others.add(acting);
      else {
        under.alone = acting;
        under.others.clear();
      }
    }
    try {
      return await acting;
    } finally {
      for (const [i, under] of all.entries()) {
        under.others.delete(acting);
        if (under.alone === acting) under.alone = undefined;
        if (!under.alone && under.others.size === 0 && this.sessions.get(sessions[i]) === under) {
          this.sessions.delete(sessions[i]);
        }
      }
    }
  }

  private of(session: string): Under {
    let under = this.sessions.get(session);
    if (!under) {
      under = { alone: undefined, others: new Set() };
      this.sessions.set(session, under);
    }
    return under;
  }
}
