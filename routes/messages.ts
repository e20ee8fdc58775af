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
import type { Services } from '../src/services/index.ts';
import type { StepAnswer } from '../src/services/sessions/plain-step.ts';
import type { Session } from '../src/services/sessions/session-record.ts';
import type { Written } from '../src/streams/answer-form.ts';
import { type MessageHandler, messageHandler } from '../src/streams/message-handler.ts';
import type { Subscriptions } from '../src/streams/subscriptions.ts';
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

/** The handlers of subscriptions on a socket. `send` sends the events of changes. */
export function watchMessages(
  sessions: Pick<Services['sessions'], 'subscribe'>,
  subscriptions: Subscriptions,
  send: (event: Written) => void,
): [op: string, handler: MessageHandler][] {
  return [
    [
      'subscribe',
      messageHandler(subscribeMessage, async ({ session, tensor_format: format }, asked, form) => {
        subscriptions.requireRoom(session);
        // The answer goes first.
        let early: Written[] | undefined = [];
        const { now, stop } = await sessions.subscribe(session, (change) => {
          if (!change.session) subscriptions.remove(session);
          const event = form.labelled(form.write(presentChange(session, change, format)), undefined);
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
