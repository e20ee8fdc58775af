import { decodeSession, type SessionContent } from './session-bytes.ts';

/** A change of a session that was committed. */
export interface SessionChange {
  /** As it is after the change; undefined where it was ended. */
  readonly session?: SessionContent;
  /** Changes before this one that will not be told of. */
  readonly missed: number;
}

/** For so long a change waits for those before it, which other processes have made. */
const WAIT_MS = 250;
/** So many changes wait at most. */
const MOST_WAITING = 64;

/** The changes of one session for one listener, in the order of its versions, however they come in. */
export class SessionSubscription {
  private readonly listener: (change: SessionChange) => void;
  /** By version, what came before its turn. */
  private readonly waiting = new Map<number, SessionContent>();
  private timer: NodeJS.Timeout | undefined;
  private uid = '';
  private version: number | undefined;

  constructor(listener: (change: SessionChange) => void) {
    this.listener = listener;
  }

  /** From here on: what was before `now` is not told. */
  start({ record }: SessionContent): void {
    this.uid = record.uid;
    this.version = record.version;
    this.tellInTurn();
  }

  /** A session's record as it was committed, or null where it was ended. */
  take(bytes: Uint8Array | null): void {
    if (bytes === null) {
      this.tellAll();
      this.listener({ missed: 0 });
      return;
    }
    const session = decodeSession(bytes);
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

  /** Waits for those that are missing no longer. */
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
