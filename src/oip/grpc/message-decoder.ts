/** What each message begins with: whether it is compressed, and its length. */
export const PREFIX_BYTES = 5;

/** For a message that is not longer there is room at once. */
const SHORT_BYTES = 2 ** 14;
/** For all of a longer one there is room when this part of it has come: what is only announced takes no memory. */
const PART = 1 / 8;
const NOTHING = Buffer.alloc(0);

/**
 * Cuts the bytes of a call into messages, each with its prefix, as the decoder of grpc-js does. That one joins the pieces of a message
 * when all have come, which holds the event loop for some 10 ms where it is long. This one copies them as they come, and those that come
 * whole, hundreds of short ones perhaps, together.
 */
export class MessageDecoder {
  private readonly maxBytes: number;
  /** What has come of the message, with room for more. */
  private message: Buffer = NOTHING;
  private arrived = 0;

  constructor(maxBytes: number) {
    this.maxBytes = maxBytes;
  }

  /** The messages that these bytes complete. @throws {Error} if one is announced that is too long */
  write(data: Buffer): Buffer[] {
    const complete: Buffer[] = [];
    for (let at = 0; at < data.length; ) {
      if (this.arrived === 0) at = this.takeWhole(data, at, complete);
      if (this.arrived < PREFIX_BYTES) at += this.take(data, at, PREFIX_BYTES);
      if (this.arrived < PREFIX_BYTES) break;
      const size = this.sizeAt(this.message, 0);
      at += this.take(data, at, size);
      if (this.arrived < size) break;
      complete.push(this.message);
      this.message = NOTHING;
      this.arrived = 0;
    }
    return complete;
  }

  /** Adds the messages from there on that are whole. Returns where the next begins. */
  private takeWhole(data: Buffer, start: number, complete: Buffer[]): number {
    const ends: number[] = [];
    let at = start;
    for (let left = data.length - at; left >= PREFIX_BYTES; left = data.length - at) {
      const size = this.sizeAt(data, at);
      if (size > left) break;
      at += size;
      ends.push(at - start);
    }
    if (ends.length === 0) return start;
    // Not views of `data`: that would keep all that was read with it.
    const whole = Buffer.from(data.subarray(start, at));
    let from = 0;
    for (const end of ends) {
      complete.push(whole.subarray(from, end));
      from = end;
    }
    return at;
  }

  /** Of the message that begins there, with its prefix, which is there. */
  private sizeAt(bytes: Buffer, at: number): number {
    const length = bytes.readUInt32BE(at + 1);
    if (length > this.maxBytes) throw new Error(`Received message larger than max (${length} vs ${this.maxBytes})`);
    return PREFIX_BYTES + length;
  }

  /** Takes what is there of the first `size` bytes of the message. Returns how many bytes it took. */
  private take(data: Buffer, at: number, size: number): number {
    const end = Math.min(this.arrived + data.length - at, size);
    if (end > this.message.length) {
      const isPart = size > SHORT_BYTES && end < size * PART;
      const room = Buffer.allocUnsafe(isPart ? 2 * end : size);
      this.message.copy(room, 0, 0, this.arrived);
      this.message = room;
    }
    const taken = data.copy(this.message, this.arrived, at, at + end - this.arrived);
    this.arrived = end;
    return taken;
  }
}
