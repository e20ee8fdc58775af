import type { SessionContent } from './session-bytes.ts';

/** A change of a session that was committed. */
export interface SessionChange {
  /** The session after the change; undefined if it ended. */
  readonly session?: SessionContent;
  /** How many changes before this one were lost. */
  readonly missed: number;
}

/** How long a change waits for earlier changes of other processes. */
const WAIT_MS = 250;
/** The most changes that wait. */
const MOST_WAITING = 64;

/** Sorts the changes of one session for one listener by version. */
export class SessionSubscription {
  private readonly listener: (change: SessionChange) => void;
  /** Changes that came too early, by version. */
  private readonly waiting = new Map<number, SessionContent>();
  private timer: NodeJS.Timeout | undefined;
  private uid = '';
  private version: number | undefined;

  constructor(listener: (change: SessionChange) => void) {
    this.listener = listener;
  }

  /** Starts here: changes before `now` are not reported. */
  start({ record }: SessionContent): void {
    this.uid = record.uid;
    this.version = record.version;
    this.tellInTurn();
  }

  /** A session as it was committed, or null if it ended. */
  take(session: SessionContent | null): void {
    if (session === null) {
      this.tellAll();
      this.listener({ missed: 0 });
      return;
    }
    const { uid, version } = session.record;
    if (this.version !== undefined && uid !== this.uid) {
      // Another session of the same id.
      this.tellAll();
      this.uid = uid;
      this.version = version - 1;
    }
    if (this.version !== undefined && version <= this.version) return;
    this.waiting.set(version, session);
    if (this.version === undefined) return;
    this.tellInTurn();
    if (this.waiting.size > MOST_WAITING) this.tellAll();
    else if (this.waiting.size > 0) this.timer ??= setTimeout(() => this.tellAll(), WAIT_MS);
  }

  stop(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.waiting.clear();
  }

  private tellInTurn(): void {
    const { waiting } = this;
    for (const version of waiting.keys()) if (version <= this.version!) waiting.delete(version);
    for (let next = waiting.get(this.version! + 1); next; next = waiting.get(this.version! + 1)) this.tell(next, 0);
    if (waiting.size > 0) return;
    clearTimeout(this.timer);
    this.timer = undefined;
  }

  /** Stops waiting for missing changes. */
  private tellAll(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    const sessions = [...this.waiting.values()].sort((a, b) => a.record.version - b.record.version);
    for (const session of sessions) this.tell(session, session.record.version - this.version! - 1);
  }

  private tell(session: SessionContent, missed: number): void {
    const { version } = session.record;
    this.waiting.delete(version);
    this.version = version;
    this.listener({ session, missed });
  }
}
