import { FairQueue } from '../../threads/fair-queue.ts';

/** Bytes that are read in one turn of the event loop, of all connections. */
const TURN_BYTES = 2 ** 19;
/** The same of bodies that are thrown away. */
const THROWN_AWAY_BYTES = 2 ** 16;
/** Node reads at most so many bytes of a connection at once. */
export const CHUNK_BYTES = 2 ** 16;

/** What can be told to read no more for a while. */
interface Source {
  pause(): void;
  resume(): void;
}

/**
 * Bodies, streams and sockets as they come, so much in each turn of the event loop. Node by itself reads up to 2 MiB of each connection in one turn:
 * thirty uploads at once held the loop with 60 MiB. What is over the bytes of a turn waits for a later one, and clients take turns.
 */
export class BodyPace {
  private readonly paused = new FairQueue<Source>();
  private readonly turnBytes: number;
  private left: number;
  private turning = false;

  constructor(turnBytes = TURN_BYTES) {
    this.turnBytes = turnBytes;
    this.left = turnBytes;
  }

  /** For bodies that are thrown away: nobody waits for them, and they leave the turns to others. */
  static ofThrownAway(): BodyPace {
    return new BodyPace(THROWN_AWAY_BYTES);
  }

  /** A client has sent so many bytes, and more may come. */
  took(client: string, source: Source, bytes: number): void {
    this.left -= bytes;
    if (this.left <= 0) {
      source.pause();
      this.paused.add(client, source);
    }
    this.turn();
  }

  private turn(): void {
    if (this.turning) return;
    this.turning = true;
    setImmediate(() => {
      this.turning = false;
      this.left = this.turnBytes;
      for (let bytes = 0; bytes < this.turnBytes; bytes += CHUNK_BYTES) this.paused.take()?.resume();
      if (this.paused.size > 0) this.turn();
    });
  }
}
