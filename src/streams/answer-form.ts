import { TensorReply } from '../../schemas/tensor.ts';
import type { TensorFiles } from '../domain/files.ts';
import { TEXT_TIMES } from '../http/admission/holding-caller.ts';
import { fileOfReply } from '../http/bodies/tensor-file.ts';
import { openedText } from '../http/json/text.ts';
import { atOnce } from '../threads/in-turns.ts';

/** The id that the client gave a message. */
export type MessageId = string | number | undefined;

/** Fields of an answer; tensors as TensorReply. */
export type AnswerFields = Readonly<Record<string, unknown>>;

/** An answer as a door sends it: text, or fields for a file. */
export type Written = string | AnswerFields;

/** What an answer says of its message. */
export interface AnswerOutcome {
  readonly session: unknown;
  readonly status: number;
  readonly replayed: boolean;
}

/** How answers are written, sent, and kept for an idempotency key. */
export interface AnswerForm<R extends Written> {
  /** Part of a key's fingerprint, because a kept answer has one form. */
  readonly name: string;
  /** What an answer takes for each byte of its result. */
  readonly times: number;
  /** @throws {Problem} limit-exceeded if the answer would be too long */
  write(fields: AnswerFields): R;
  /** Many answers, each or what it cannot be written for. */
  writeAll(fields: readonly AnswerFields[]): (R | Error)[];
  /** The answer to one message, which has an id or not. */
  labelled(answer: R, id: MessageId): R;
  /** Of an answer without a label. */
  outcomeOf(answer: R): AnswerOutcome;
  encode(answer: R): Uint8Array;
  /** A kept answer, marked as a repetition. */
  replay(bytes: Uint8Array): R;
}

const REPLAYED = ',"replayed":true}';
/** The fields that each answer begins with. */
const OUTCOME = /^(?:"session":("(?:[^"\\]|\\.)*"),)?"status":(\d+)/;

/** JSON without the brace that opens it until it is labelled: to put an id into a long text would copy it. */
export const TEXT_FORM: AnswerForm<string> = {
  name: 'text',
  times: TEXT_TIMES,
  write: openedText,
  writeAll: (all) => all.map((fields) => orError(() => openedText(fields))),
  labelled(text, id) {
    if (id === undefined) return `{${text}`;
    return `{"id":${typeof id === 'number' ? id : JSON.stringify(id)},${text}`;
  },
  outcomeOf(text) {
    const [, session = 'null', status] = OUTCOME.exec(text) ?? [];
    return { session: JSON.parse(session), status: Number(status), replayed: text.endsWith(REPLAYED) };
  },
  encode: (text) => Buffer.from(`{${text}`),
  replay: (bytes) => `${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString().slice(1, -1)}${REPLAYED}`,
};

/** The fields themselves, for a door that writes files of tensors. They are kept as such a file. */
export function fieldsForm(files: TensorFiles): AnswerForm<AnswerFields> {
  return {
    name: 'file',
    times: 1,
    write: (fields) => fields,
    writeAll: (all) => [...all],
    labelled: (fields, id) => (id === undefined ? fields : { id, ...fields }),
    outcomeOf: ({ session, status, replayed }) => ({
      session,
      status: Number(status),
      replayed: replayed === true,
    }),
    encode: (fields) => files.write(fileOfReply(fields)).subarray(),
    replay: (bytes) => {
      const { tensors, metadata } = atOnce(files.read(bytes));
      const fields = Object.entries(metadata).map(([name, text]) => [name, JSON.parse(text)] as const);
      // Under the names of their places, as in the file.
      const named = [...tensors].map(([name, tensor]) => [name, new TensorReply(tensor, 'nested')] as const);
      return { ...Object.fromEntries(fields), ...Object.fromEntries(named), replayed: true };
    },
  };
}

function orError<R>(write: () => R): R | Error {
  try {
    return write();
  } catch (error) {
    return error as Error;
  }
}
