import { presentSession, presentSessionStep } from '../../../routes/present/session.ts';
import { openSessionBody, putStatesBody, sessionStepBody } from '../../../schemas/session.ts';
import { etagOf } from '../../../src/domain/conditions.ts';
import { Problem } from '../../../src/domain/problems.ts';
import { created, noContent, ok } from '../../../src/http/replies.ts';
import type { Mutation } from '../../../src/services/changes/change.ts';
import type { Reply } from '../../../src/services/changes/kept-reply.ts';
import type { Services } from '../../../src/services/index.ts';
import type { Session } from '../../../src/services/sessions/session-record.ts';
import type { SteppedSession } from '../../../src/services/sessions/step-session.ts';
import type { Answer } from '../exchange.ts';
import { requestOf, type SessionCall } from '../session-calls.ts';

const shown = (session: Omit<Session, 'revision'>) => ok(presentSession(session, 'nested'), session.record.version);
const made = (session: Session) =>
  created(`/v1/sessions/${session.record.id}`, presentSession(session, 'nested'), session.record.version);

/** What the routes do with a call, and the answer that goes out. @throws what is no Problem: a 500 */
export async function serveCall(services: Services, call: SessionCall, key: string | undefined): Promise<Answer> {
  try {
    return answerOf(await reply(services, call, key));
  } catch (error) {
    if (!(error instanceof Problem) || error.code === 'internal-error') throw error;
    return { status: error.status, replayed: false, text: error.message, body: { code: error.code } };
  }
}

async function reply({ sessions, checkpoints }: Services, call: SessionCall, key: string | undefined): Promise<Reply> {
  const { session: id } = call;
  const { path, body, ifMatch } = requestOf(call);
  const mutation = <T>(render: (result: T) => Reply): Mutation<T> => {
    const fingerprint = `${path} ${JSON.stringify(body)}`;
    const tags = ifMatch === undefined ? undefined : [etagOf(ifMatch)];
    return { render, ...(key === undefined ? {} : { idempotencyKey: key, fingerprint }), ifMatch: tags };
  };
  switch (call.kind) {
    case 'open':
      return sessions.open(openSessionBody.parse(body), id, mutation(made));
    case 'step': {
      const step = sessionStepBody.parse(body);
      const render = (stepped: SteppedSession) => ok(presentSessionStep(stepped, step), stepped.session.record.version);
      return sessions.step(id, { inputs: step.inputs, trace: false }, mutation(render));
    }
    case 'put':
      return sessions.putStates(id, putStatesBody.parse(body).states, mutation(shown));
    case 'reset':
      return sessions.reset(id, mutation(shown));
    case 'rewind':
      return sessions.rewind(id, call.to, mutation(shown));
    case 'fork':
      return sessions.fork(id, call.at, call.target, mutation(made));
    case 'save':
      return checkpoints.save(
        { cells: [], variables: [], sessions: [id], all: false },
        undefined,
        mutation(({ id: checkpoint }) => ok({ id: checkpoint })),
      );
    case 'restore':
      return checkpoints.restore(
        call.checkpoint,
        call.createMissing,
        mutation((restored) => ok(restored)),
      );
    case 'delete':
      return sessions.close(id, mutation(noContent));
    case 'read':
      return shown(await sessions.read(id));
    case 'list': {
      const { items } = await sessions.listSteps(id, { limit: 100 });
      return ok({ items: items.map(({ step, states }) => ({ step, states: [nested(states[0].data)] })) });
    }
  }
}

function nested(data: ArrayLike<number | bigint>): number[][] {
  return [Array.from(data, Number)];
}

function answerOf({ status, headers, body }: Reply): Answer {
  const { etag } = headers;
  const text = String(body);
  return {
    status,
    ...(etag ? { version: Number(etag.replaceAll('"', '')) } : {}),
    replayed: headers['idempotency-replayed'] === 'true',
    text,
    body: text === '' ? undefined : JSON.parse(text),
  };
}
