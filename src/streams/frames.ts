import { Problem } from '../domain/problems.ts';
import { inTurns } from '../threads/in-turns.ts';
import { type MessageReader, tooLong } from './read-messages.ts';

/** A message of a socket as it came, or the Problem that answers it. */
export type Frame = SentFrame | Problem;

interface SentFrame {
  readonly data: Buffer;
  readonly isFile: boolean;
  /** Of a long one, once it is read. */
  readonly read?: unknown;
}

/** Reads the frames of a socket, each of at most `maxBytes` as JSON. */
export class FrameReader {
  private readonly reader: MessageReader;
  private readonly maxBytes: number;

  constructor(reader: MessageReader, maxBytes: number) {
    this.reader = reader;
    this.maxBytes = maxBytes;
  }

  read(frame: Frame): unknown {
    if (frame instanceof Problem) return frame;
    if (this.isOver(frame)) return tooLong(this.maxBytes);
    return frame.read ?? (frame.isFile ? this.reader.file(frame.data) : this.reader.text(frame.data));
  }

  /** Reads a long one in turns of its client. */
  async prepare(frame: Frame, client: string): Promise<Frame> {
    if (frame instanceof Problem || this.isOver(frame)) return frame;
    const { data, isFile } = frame;
    return { data, isFile, read: await inTurns(this.reader.inSlices(data, isFile), client) };
  }

  private isOver({ data, isFile }: SentFrame): boolean {
    return !isFile && data.length > this.maxBytes;
  }
}

export function isFile(frame: Frame): boolean {
  return 'isFile' in frame && frame.isFile;
}
