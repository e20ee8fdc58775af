import type { Answer, Sent } from './exchange.ts';
import type { Pair, SessionInput, SessionOutput } from './session-model.ts';

/** A call of a client, in the words of the model. `checkpoint` has saved the session before. */
export type SessionCall = { readonly session: string } & (
  | Exclude<SessionInput, { kind: 'copy' | 'restore' }>
  | (SessionInput & { readonly kind: 'restore'; readonly checkpoint: string })
  | { readonly kind: 'fork'; readonly target: string; readonly at?: number }
  | { readonly kind: 'save' }
);

/** What a call and its answer say of one session. */
export interface Told {
  readonly session: string;
  readonly input: SessionInput;
  readonly output: SessionOutput;
}

export const CELL_ID = 'rotating';

/** The request that makes the call. */
export function requestOf(call: SessionCall): Sent {
  const path = `/v1/sessions/${call.session}`;
  const ifMatch = 'ifMatch' in call ? call.ifMatch : undefined;
  const post = (at: string, body: unknown) => ({ method: 'POST', path: at, body, ifMatch }) as const;
  switch (call.kind) {
    case 'open': {
      const { session: id, limit: history, state } = call;
      return post('/v1/sessions', { id, cell: CELL_ID, history, initial_state: [[state]] });
    }
    case 'step': {
      // A single step in its shorter form.
      const inputs = call.inputs.length === 1 ? call.inputs : [call.inputs];
      return post(`${path}/steps`, { inputs, return_states: true });
    }
    case 'put':
      return { method: 'PUT', path: `${path}/states`, body: { states: [[call.state]] }, ifMatch };
    case 'reset':
      return post(`${path}/reset`, {});
    case 'rewind':
      return post(`${path}/rewind`, { to_step: call.to });
    case 'fork':
      return post(`${path}/fork`, { id: call.target, ...(call.at === undefined ? {} : { at_step: call.at }) });
    case 'save':
      return post('/v1/checkpoints', { sessions: [call.session] });
    case 'restore':
      return post(`/v1/checkpoints/${call.checkpoint}/restore`, { create_missing: call.createMissing });
    case 'delete':
      return { method: 'DELETE', path, ifMatch };
    case 'read':
      return { method: 'GET', path };
    case 'list':
      return { method: 'GET', path: `${path}/steps?limit=100` };
  }
}

/**
 * What the answer tells of the sessions that the call is about; nothing of a checkpoint, whose content is told when it is
 * read.
 */
export function toldBy(call: SessionCall, answer: Answer): Told[] {
  const { session } = call;
  const problem = answer.status >= 400 ? { problem: String(answer.body?.code ?? answer.status) } : undefined;
  if (call.kind === 'save') return [];
  if (call.kind === 'fork') {
    const source = { session, input: { kind: 'copy', at: call.at } as const };
    if (problem?.problem === 'already-exists') {
      const input = { kind: 'open', step: 0, state: [0, 0], limit: 0 } as const;
      return [{ session: call.target, input, output: problem }];
    }
    if (problem) return [{ ...source, output: problem }];
    const { step, state, limit, version, oldest } = sessionOf(answer);
    const target = { session: call.target, input: { kind: 'open', step, state, limit } as const };
    return [
      { ...source, output: { step, state, limit } },
      { ...target, output: { version, oldest } },
    ];
  }
  return [{ session, input: call, output: problem ?? outputOf(call, answer) }];
}

function outputOf({ kind }: SessionCall, answer: Answer): SessionOutput {
  const { body, version } = answer;
  switch (kind) {
    case 'step':
      return { version, step: body.step, state: body.states[0][0] };
    case 'list':
      return { kept: body.items.map((item: { step: number; states: [[Pair]] }) => [item.step, item.states[0][0]]) };
    case 'delete':
    case 'restore':
      return {};
    default:
      return sessionOf(answer);
  }
}

function sessionOf({ body }: Answer) {
  const { version, step, states, history: limit, oldest_step: oldest } = body;
  const [[state]] = states as [[Pair]];
  return { version, step, state, limit, oldest } as { [K in 'version' | 'step' | 'limit' | 'oldest']: number } & {
    state: Pair;
  };
}

/** Calls that may change their session; a fork changes another one. */
export function isChange(call: SessionCall): call is Exclude<SessionCall, { kind: 'fork' | 'save' | 'read' | 'list' }> {
  return !['fork', 'save', 'read', 'list'].includes(call.kind);
}
