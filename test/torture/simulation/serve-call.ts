import { presentSession, presentSessionStep } from '../../../routes/present/session.ts';
import { openSessionBody, putStatesBody, sessionStepBody } from '../../../schemas/session.ts';
import { Problem } from '../../../src/domain/problems.ts';
import { KEPT_REPLY } from '../../../src/http/changes.ts';
import { etagOf, readIfMatch } from '../../../src/http/replies/entity-tags.ts';
import { created, noContent, ok, type Reply } from '../../../src/http/replies/replies.ts';
import type { Change } from '../../../src/services/changes/change.ts';
import type { Services } from '../../../src/services/index.ts';
import type { StepAnswer } from '../../../src/services/sessions/plain-step.ts';
import type { Session } from '../../../src/services/sessions/session-record.ts';
import type { Answer } from '../exchange.ts';
import { requestOf, type SessionCall } from '../session-calls.ts';

const shown = (session: Omit<Session, 'revision'>) => ok(presentSession(session, 'nested'), session.record.version);
const made = (session: Session) =>
  created(`/v1/sessions/${session.record.id}`, presentSession(session, 'nested'), session.record.version);

/** What the routes do with a call, and the answer that goes out. @throws what is not a Problem: a 500 */
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
  const change = <T>(answer: (result: T) => Reply): Change<T, Reply> => {
    const fingerprint = `${path} ${JSON.stringify(body)}`;
    const expected = readIfMatch(ifMatch === undefined ? undefined : etagOf(ifMatch));
    const once = key === undefined ? undefined : { idempotencyKey: key, fingerprint, codec: KEPT_REPLY };
    return { answer, once, expected };
  };
  switch (call.kind) {
    case 'open':
      return sessions.open(openSessionBody.parse(body), id, change(made));
    case 'step': {
      const step = sessionStepBody.parse(body);
      const answer = (stepped: StepAnswer) => ok(presentSessionStep(stepped, step), stepped.version);
      return sessions.step(id, { inputs: step.inputs, trace: false }, change(answer));
    }
    case 'put':
      return sessions.putStates(id, putStatesBody.parse(body).states, change(shown));
    case 'reset':
      return sessions.reset(id, change(shown));
    case 'rewind':
      return sessions.rewind(id, call.to, change(shown));
    case 'fork':
      return sessions.fork(id, call.at, call.target, change(made));
    case 'save':
      return checkpoints.save(
        { cells: [], variables: [], sessions: [id], all: false },
        undefined,
        change(({ id: checkpoint }) => ok({ id: checkpoint })),
      );
    case 'restore':
      return checkpoints.restore(
        call.checkpoint,
        call.createMissing,
        change((restored) => ok(restored)),
      );
    case 'delete':
      return sessions.close(id, change(noContent));
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
