import type { z } from 'zod';
import { checkShape } from '../http/bodies/validation.ts';
import type { Change } from '../services/changes/change.ts';
import type { PlainStep } from '../services/sessions/plain-step.ts';
import type { AnswerFields, AnswerForm, Written } from './answer-form.ts';
import { fingerprintOf } from './fingerprint.ts';
import type { PlainMessage } from './plain-step.ts';

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
  /** Carries out many plain steps together, each settled on its own. Left out by other kinds of messages. */
  actAll?<R extends Written>(steps: readonly PlainStep<R>[], form: AnswerForm<R>): Promise<void>;
}

/** A plain step as a service takes it. `settle` is called with the answer, or with why the step was refused. */
export function stepOfMany<R extends Written>(
  { key, if_match, session, inputs, return_states }: PlainMessage,
  form: AnswerForm<R>,
  settle: (end: R | Error) => void,
): PlainStep<R> {
  const step = { session, inputs, return_states, settle };
  if (key === undefined && if_match === undefined) return step;
  // As the schema reads it, so that it is the same request for a key.
  const options = { trace: false, return_states, training: false, tensor_format: 'nested' };
  const envelope = { key, if_match, op: 'step', session, inputs, ...options };
  return { ...step, ...changeOf(envelope, form) };
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
  const asked = { ...rest, version };
  let made: string | undefined;
  const once = {
    idempotencyKey: key,
    codec: form,
    /** Made when it is first asked for: a refused message needs none, and it takes longer than the refusal. */
    get fingerprint() {
      made ??= fingerprintOf(form.name, asked);
      return made;
    },
  };
  return { expected, once };
}
