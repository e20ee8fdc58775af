import type { z } from 'zod';
import { checkShape } from '../http/validation.ts';
import type { Change } from '../services/changes/change.ts';
import type { AnswerFields, AnswerForm, Written } from './answer-form.ts';
import { fingerprintOf } from './fingerprint.ts';

/** Fields of every message that the door itself uses. */
interface Envelope {
  readonly id?: string | number;
  readonly key?: string;
  readonly if_match?: number;
}

/** Calls a service for a message. Its result is a `T`, which `present` turns into the fields of the answer. */
export type Asked<R> = <T>(present: (result: T) => AnswerFields) => Change<T, R>;

/** Carries out messages of one kind. */
export interface MessageHandler {
  /** @throws {Problem | RequestShapeError} if the message is refused; then nothing was changed */
  act<R extends Written>(sent: unknown, form: AnswerForm<R>): Promise<R>;
}

export function messageHandler<M extends Envelope>(
  schema: z.ZodType<M>,
  act: <R extends Written>(message: M, asked: Asked<R>, form: AnswerForm<R>) => Promise<R>,
): MessageHandler {
  return {
    act<R extends Written>(sent: unknown, form: AnswerForm<R>): Promise<R> {
      const message = checkShape(schema, sent);
      const asked: Asked<R> = (present) => ({
        ...changeOf(message, form),
        answer: (result) => form.write(present(result)),
      });
      return act(message, asked, form);
    },
  };
}

function changeOf<R extends Written>({ id: _, key, if_match: version, ...rest }: Envelope, form: AnswerForm<R>) {
  const expected = version === undefined ? undefined : { versions: [version], asked: `if_match asks for ${version}` };
  if (key === undefined) return { expected };
  const fingerprint = fingerprintOf(form.name, { ...rest, version });
  return { expected, once: { idempotencyKey: key, fingerprint, codec: form } };
}
