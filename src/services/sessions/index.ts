import { isExpired } from '../../domain/session.ts';
import type { StatesGiven } from '../../domain/tensor-literal.ts';
import type { Change } from '../changes/change.ts';
import { listShown, type PageRequest } from '../changes/listing.ts';
import type { Context } from '../context.ts';
import { sessionKey, thingsPrefix } from '../keys.ts';
import { forkSession } from './fork-session.ts';
import { type NewSession, openSession } from './open-session.ts';
import { type AnswerSteps, answerOf, type PlainStep, type StepAnswer } from './plain-step.ts';
import { sessionSlices } from './session-bytes.ts';
import type { TenantFeed } from './session-feed.ts';
import { listKeptSteps } from './session-history.ts';
import { readSession, type Session } from './session-record.ts';
import type { SessionChange } from './session-subscription.ts';
import { closeSession, putStates, resetSession, rewindSession } from './sessions.ts';
import { type SequenceStep, stepSequence } from './step-sequence.ts';
import { type SessionStepRequest, type SteppedSession, stepSession } from './step-session.ts';
import { stepMany } from './step-together.ts';

/** The use cases of sessions. */
export function sessionServices(context: Context, feed: TenantFeed) {
  const { store, clock, changer, inTurn } = context;
  return {
    open: <R>(input: NewSession, id: string | undefined, change: Change<Session, R>) =>
      changer.create('session', id, change, (chosen) => openSession(context, chosen, input)),
    /** With `cell`: only the sessions of that cell. */
    list: ({ cell, ...page }: PageRequest & { readonly cell?: string }) =>
      inTurn(() =>
        listShown(store, thingsPrefix('session'), page, sessionSlices, ({ record }) => {
          return !isExpired(record, clock()) && (cell === undefined || record.cell === cell);
        }),
      ),
    read: (id: string) => readSession(store, id, clock()),
    /** Tells `listener` of each change after the state that it answers with. */
    subscribe: (id: string, listener: (change: SessionChange) => void) =>
      feed.subscribe(id, () => readSession(store, id, clock()), listener),
    step: <R>(id: string, request: SessionStepRequest, { answer, ...change }: Change<StepAnswer, R>) =>
      changer.change(
        sessionKey(id),
        { ...change, answer: (stepped: SteppedSession) => answer(answerOf(stepped)) },
        () => stepSession(context, id, change.expected, request),
      ),
    /** The next steps of many sessions, each settled on its own. */
    stepMany: <R, S extends PlainStep<R>>(steps: readonly S[], answer: AnswerSteps<R, S>) =>
      stepMany(context, steps, answer),
    putStates: <R>(id: string, states: StatesGiven, change: Change<Session, R>) =>
      changer.change(sessionKey(id), change, () => putStates(context, id, change.expected, states)),
    reset: <R>(id: string, change: Change<Session, R>) =>
      changer.change(sessionKey(id), change, () => resetSession(context, id, change.expected)),
    listSteps: (id: string, page: { readonly after?: number; readonly limit: number }) =>
      listKeptSteps(store, id, page, clock()),
    rewind: <R>(id: string, step: number, change: Change<Session, R>) =>
      changer.change(sessionKey(id), change, () => rewindSession(context, id, change.expected, step)),
    /** The next request of a sequence: its session is begun, stepped and ended by it as it says, in one commit. */
    stepSequence: <R>(id: string, request: SequenceStep, { answer, ...change }: Change<StepAnswer, R>) =>
      changer.change(
        sessionKey(id),
        { ...change, answer: (stepped: SteppedSession) => answer(answerOf(stepped)) },
        () => stepSequence(context, id, request),
      ),
    /** A fork expects a version of the session that it copies. */
    fork: <R>(from: string, step: number | undefined, id: string | undefined, change: Change<Session, R>) => {
      const { expected, ...rest } = change;
      return changer.create('session', id, rest, (chosen) =>
        forkSession(context, chosen, { session: from, step, expected }),
      );
    },
    close: <R>(id: string, change: Change<Session, R>) =>
      changer.change(sessionKey(id), change, () => closeSession(context, id, change.expected)),
  };
}
