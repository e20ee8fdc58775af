import type { Socket } from 'node:net';
import { BLOCK_BYTES, SmallPieces } from './small-pieces.ts';

// An import of node:http would also load fetch and slow down the start by a tenth.
const { IncomingMessage } = process.getBuiltinModule('node:http');

/** Pieces that the server is told of together. */
const TOLD_PIECES = 64;

/**
 * A request. Where its body comes in chunks, Node makes a piece of each, however short: what comes at once is gathered. The server is told
 * of so many short pieces by the event `pieces`, with their connection.
 */
export class GatheredMessage extends IncomingMessage {
  private readonly small = new SmallPieces();
  private count = 0;
  private hasRoom = true;

  override push(piece: Buffer | null, encoding?: BufferEncoding): boolean {
    if (piece === null || piece.length >= BLOCK_BYTES || this.headers['transfer-encoding'] === undefined) {
      this.passOn(this.small.take());
      return super.push(piece, encoding);
    }
    if (++this.count % TOLD_PIECES === 0) {
      const { socket } = this as { socket: Socket & { server?: NodeJS.EventEmitter } };
      socket.server?.emit('pieces', socket);
    }
    // A tick would come before the next piece of the same read.
    if (this.small.isEmpty) setImmediate(() => this.passOn(this.small.take()));
    this.passOn(this.small.add(piece));
    return this.hasRoom;
  }

  private passOn(pieces: Buffer | undefined): void {
    if (pieces) this.hasRoom = super.push(pieces);
  }
}
