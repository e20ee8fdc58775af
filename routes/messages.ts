import {
  closeMessage,
  forkMessage,
  openMessage,
  resetMessage,
  rewindMessage,
  stepMessage,
  subscribeMessage,
  unsubscribeMessage,
} from '../schemas/stream.ts';
import type { TensorFormat } from '../schemas/tensor.ts';
import { trainingOf } from '../schemas/training.ts';
import type { Identity } from '../src/domain/identity.ts';
import { Problem } from '../src/domain/problems.ts';
import { requireScope } from '../src/http/callers/auth.ts';
import type { Services } from '../src/services/index.ts';
import type { StepAnswer } from '../src/services/sessions/plain-step.ts';
import type { Session } from '../src/services/sessions/session-record.ts';
import type { SessionChange } from '../src/services/sessions/session-subscription.ts';
import type { AnswerForm, Written } from '../src/streams/answer-form.ts';
import { type MessageHandler, messageHandler } from '../src/streams/message-handler.ts';
import type { Subscriptions, Telling } from '../src/streams/subscriptions.ts';
import { presentChange, presentSession, presentSessionStep } from './present/session.ts';

/** The handlers of messages, by `op`. */
export function sessionMessages(sessions: Services['sessions']): [op: string, handler: MessageHandler][] {
  const step = messageHandler(stepMessage, (message, asked) => {
    const { session, inputs, named_inputs, mask, trace, training, seed } = message;
    const request = { inputs, named_inputs, mask, trace, training: trainingOf({ training, seed }) };
    return sessions.step(
      session,
      request,
      asked((stepped: StepAnswer) => shownStep(stepped, message)),
    );
  });
  return [
    [
      'step',
      {
        act: step.act,
        actAll: (steps, form) =>
          sessions.stepMany(steps, (stepped, asked) =>
            form.writeAll(
              stepped.map((one, k) => {
                const { session, return_states } = asked[k];
                return shownStep(one, { session, return_states, tensor_format: 'nested' });
              }),
            ),
          ),
      },
    ],
    [
      'open',
      messageHandler(openMessage, ({ op: _, id: __, key: ___, session, tensor_format: format, ...input }, asked) =>
        sessions.open(input, session, asked(shown(201, format))),
      ),
    ],
    [
      'fork',
      messageHandler(forkMessage, ({ session, at_step, new_session, tensor_format: format }, asked) =>
        sessions.fork(session, at_step, new_session, asked(shown(201, format))),
      ),
    ],
    [
      'rewind',
      messageHandler(rewindMessage, ({ session, to_step, tensor_format: format }, asked) =>
        sessions.rewind(session, to_step, asked(shown(200, format))),
      ),
    ],
    [
      'reset',
      messageHandler(resetMessage, ({ session, tensor_format: format }, asked) =>
        sessions.reset(session, asked(shown(200, format))),
      ),
    ],
    [
      'close',
      messageHandler(closeMessage, ({ session }, asked) =>
        sessions.close(
          session,
          asked(() => ({ session, status: 204 })),
        ),
      ),
    ],
  ];
}

/** Writes the events of changes, each once for all who listen. */
export class ChangeEvents {
  private readonly written = new WeakMap<object, Map<string, Written>>();

  /** @throws {Problem} limit-exceeded if the event would be too long */
  of<R extends Written>(id: string, change: SessionChange, format: TensorFormat, form: AnswerForm<R>): Written {
    const { session, missed } = change;
    const write = () => form.labelled(form.write(presentChange(id, change, format)), undefined);
    if (!session) return write();
    const known = this.written.get(session) ?? new Map<string, Written>();
    const name = `${form.name} ${format} ${missed}`;
    const event = known.get(name) ?? write();
    this.written.set(session, known.set(name, event));
    return event;
  }
}

/** The handlers of subscriptions on a socket, which `tell` sends the events of changes. */
export function watchMessages(
  sessions: Pick<Services['sessions'], 'subscribe'>,
  { identity, events }: { readonly identity: Identity; readonly events: ChangeEvents },
  subscriptions: Subscriptions,
  { send, fail }: Telling,
): [op: string, handler: MessageHandler][] {
  return [
    [
      'subscribe',
      messageHandler(subscribeMessage, async ({ session, tensor_format: format }, asked, form) => {
        requireScope(identity, 'read');
        subscriptions.requireRoom(session);
        // The answer goes first.
        let early: Written[] | undefined = [];
        let tooLong = 0;
        const { now, stop } = await sessions.subscribe(session, ({ session: changed, missed }) => {
          if (!changed) subscriptions.remove(session);
          let event: Written;
          try {
            event = events.of(session, { session: changed, missed: missed + tooLong }, format, form);
          } catch (error) {
            if (!isTooLong(error)) return fail(error);
            tooLong += missed + 1;
            return;
          }
          tooLong = 0;
          if (early) early.push(event);
          else send(event);
        });
        subscriptions.add(session, stop);
        setImmediate(() => {
          for (const event of early ?? []) send(event);
          early = undefined;
        });
        return asked(() => shown(200, format)(now)).answer(undefined);
      }),
    ],
    [
      'unsubscribe',
      messageHandler(unsubscribeMessage, async ({ session }, asked) => {
        subscriptions.remove(session);
        return asked(() => ({ session, status: 204 })).answer(undefined);
      }),
    ],
  ];
}

function isTooLong(error: unknown): boolean {
  return error instanceof Problem && error.code === 'limit-exceeded';
}

function shownStep(
  answer: StepAnswer,
  options: { readonly session: string; readonly return_states: boolean; readonly tensor_format: TensorFormat },
) {
  return { session: options.session, status: 200, ...presentSessionStep(answer, options), version: answer.version };
}

function shown(status: 200 | 201, format: TensorFormat) {
  return (session: Omit<Session, 'revision'>) => {
    const { id, ...fields } = presentSession(session, format);
    return { session: id, status, ...fields };
  };
}
