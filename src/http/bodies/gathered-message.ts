import type { Socket } from 'node:net';
import { BLOCK_BYTES, SmallPieces } from './small-pieces.ts';

// An import of node:http would also load fetch and slow down the start by a tenth.
const { IncomingMessage } = process.getBuiltinModule('node:http');

/** Pieces that the server is told of together. */
const TOLD_PIECES = 64;
/** After so many pieces they must have so many bytes each on average. */
const MANY_PIECES = 1024;
const LEAST_BYTES = 16;

/** The error of a client whose chunks are shorter than that. */
export const SHORT_CHUNKS = 'SHORT_CHUNKS';

/**
 * A request. Where its body comes in chunks, Node makes a piece of each, however short: what comes at once is gathered. The server is told
 * of so many pieces by the event `pieces`, with their connection. To read one takes as long as to read hundreds of bytes, so a body
 * in thousands of chunks of a few bytes is a client error.
 */
export class GatheredMessage extends IncomingMessage {
  private readonly small = new SmallPieces();
  private count = 0;
  private bytes = 0;
  private hasRoom = true;
  private isRefused = false;

  override push(piece: Buffer | null, encoding?: BufferEncoding): boolean {
    if (piece === null || this.headers['transfer-encoding'] === undefined) return this.pushLong(piece, encoding);
    this.bytes += piece.length;
    // The parser goes on with what it has, also after a refusal.
    if (++this.count % TOLD_PIECES === 0) this.server?.emit('pieces', this.socket);
    if (this.isRefused) return false;
    if (this.count >= MANY_PIECES && this.bytes < LEAST_BYTES * this.count) return this.refuse();
    if (piece.length >= BLOCK_BYTES) return this.pushLong(piece, encoding);
    // A tick would come before the next piece of the same read.
    if (this.small.isEmpty) setImmediate(() => this.passOn(this.small.take()));
    this.passOn(this.small.add(piece));
    return this.hasRoom;
  }

  private pushLong(piece: Buffer | null, encoding: BufferEncoding | undefined): boolean {
    this.passOn(this.small.take());
    return super.push(piece, encoding);
  }

  private passOn(pieces: Buffer | undefined): void {
    if (pieces) this.hasRoom = super.push(pieces);
  }

  /** Has the connection stopped, and ended when the parser has gone through what it has of it. */
  private refuse(): false {
    this.isRefused = true;
    const error = Object.assign(new Error('The chunks of a body are too short.'), { code: SHORT_CHUNKS });
    setImmediate(() => this.server?.emit('clientError', error, this.socket));
    return false;
  }

  private get server(): NodeJS.EventEmitter | undefined {
    return (this.socket as Socket & { server?: NodeJS.EventEmitter }).server;
  }
}
