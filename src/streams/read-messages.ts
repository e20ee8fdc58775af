import type { TensorFields } from '../../schemas/tensor-fields.ts';
import type { TensorFiles } from '../domain/files.ts';
import { fieldProblem, type Problem } from '../domain/problems.ts';
import { LONG_BYTES } from '../http/bodies/bytes.ts';
import { plainJson, plainSlices } from '../http/bodies/json-body.ts';
import { liftInSlices, liftLines, liftTensors, linesOf } from '../http/bodies/lift-tensors.ts';
import { bodyOfFile } from '../http/bodies/tensor-file.ts';
import { MOST_FIELDS } from '../http/json/bounds.ts';
import { atOnce } from '../threads/in-turns.ts';

/** A parsed message, or the Problem that answers it if it cannot be parsed. */
export interface Sent {
  readonly message: unknown;
  readonly bytes: number;
}

/** Reads the messages of clients: JSON lines, JSON texts and files of tensors. */
export class MessageReader {
  private readonly fields: TensorFields;
  private readonly parse: (text: string) => unknown;
  private readonly files: TensorFiles;

  /** `fields` are the tensor fields of all messages. `parse` parses JSON without tensors. */
  constructor(fields: TensorFields, parse: (text: string) => unknown, files: TensorFiles) {
    this.fields = fields;
    this.parse = parse;
    this.files = files;
  }

  /** The messages of complete lines. Lines of a long text are left as they are, for `text` and `inSlices`. */
  lines(text: Buffer): Sent[] {
    if (text.length >= LONG_BYTES) return Array.from(linesOf(text), (line) => ({ message: line, bytes: line.length }));
    return liftLines(text, this.fields, this.parse, MOST_FIELDS).map(({ line, lifted }) => ({
      message: lifted ?? this.plain(line),
      bytes: line.length,
    }));
  }

  text(bytes: Buffer): unknown {
    return liftTensors(bytes, this.fields, this.parse, MOST_FIELDS) ?? this.plain(bytes);
  }

  /** A long text, or a file. */
  *inSlices(bytes: Buffer, isFile = false): Generator<void, unknown> {
    const { fields, parse } = this;
    try {
      if (isFile) return bodyOfFile(yield* this.files.read(bytes), fields, parse);
      return (yield* liftInSlices(bytes, fields, parse, MOST_FIELDS)) ?? (yield* plainSlices(bytes, parse));
    } catch (error) {
      return error;
    }
  }

  file(bytes: Buffer): unknown {
    return orProblem(() => bodyOfFile(atOnce(this.files.read(bytes)), this.fields, this.parse));
  }

  private plain(bytes: Buffer): unknown {
    return orProblem(() => plainJson(bytes, this.parse));
  }
}

function orProblem(read: () => unknown): unknown {
  try {
    return read();
  } catch (error) {
    return error;
  }
}

export function tooLong(maxBytes: number): Problem {
  const detail = `The message is over the limit of ${maxBytes} bytes (CELLSTEP_MAX_JSON_BYTES). Send less at once.`;
  return fieldProblem('body-too-large', '', detail);
}
