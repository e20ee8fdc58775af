import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { TestApp } from '../support/app.ts';
import { call, make } from '../support/call.ts';
import { runs } from '../support/runs.ts';
import { onEveryStore } from '../support/serve.ts';

/** What is asked of session `who`; `back` counts from its present step. */
type Command = { readonly who: number } & (
  | { readonly kind: 'step'; readonly inputs: readonly number[] }
  | { readonly kind: 'put'; readonly state: readonly number[] }
  | { readonly kind: 'rewind'; readonly back: number }
  | { readonly kind: 'fork'; readonly back: number; readonly to: number }
  | { readonly kind: 'reset' | 'delete' | 'open' | 'save' | 'restore' }
);

const who = fc.nat(2);
const small = fc.integer({ min: -40, max: 40 }).map((value) => value / 16);
const back = fc.integer({ min: -1, max: 5 });
const inputs = fc.array(small, { minLength: 1, maxLength: 5 });
const anyCommand: fc.Arbitrary<Command> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ who, kind: fc.constant('step' as const), inputs }) },
  { weight: 2, arbitrary: fc.record({ who, kind: fc.constant('put' as const), state: fc.tuple(small, small) }) },
  { weight: 3, arbitrary: fc.record({ who, kind: fc.constant('rewind' as const), back }) },
  { weight: 3, arbitrary: fc.record({ who, kind: fc.constant('fork' as const), back, to: who }) },
  { weight: 4, arbitrary: fc.record({ who, kind: fc.constantFrom('reset', 'delete', 'open', 'save', 'restore') }) },
);

const HISTORY = 3;

interface State {
  readonly step: number;
  readonly state: readonly number[];
}

/** A session in plain memory: its states by step, the present one last. */
interface Model {
  version: number;
  kept: State[];
}

function begin({ step, state }: State): Model {
  return { version: 1, kept: [{ step, state }] };
}

function presentOf({ kept }: Model): State {
  return kept[kept.length - 1];
}

/** What sessions are to be. Steps are computed by the route that keeps nothing. */
class Models {
  readonly sessions = new Map<number, Model>();
  private saved: ReadonlyMap<number, State> | undefined;

  /** The status that the service must answer with; `state` after one input from a state. */
  async apply(command: Command, next: (state: readonly number[], x: number) => Promise<number[]>): Promise<number> {
    const { sessions } = this;
    const model = sessions.get(command.who);
    switch (command.kind) {
      case 'open':
        if (model) return 409;
        sessions.set(command.who, begin({ step: 0, state: [0, 0] }));
        return 201;
      case 'save':
        this.saved = new Map([...sessions].map(([id, one]) => [id, presentOf(one)]));
        return 201;
      case 'restore':
        if (!this.saved) return 404;
        for (const [id, state] of this.saved) {
          const before = sessions.get(id)?.version ?? 0;
          sessions.set(id, { ...begin(state), version: before + 1 });
        }
        return 200;
    }
    if (!model) return 404;
    const { step, state } = presentOf(model);
    switch (command.kind) {
      case 'delete':
        sessions.delete(command.who);
        return 204;
      case 'fork': {
        const at = model.kept.find((one) => one.step === Math.max(0, step - command.back));
        if (!at || sessions.has(command.to)) return 409;
        sessions.set(command.to, begin(at));
        return 201;
      }
      case 'rewind': {
        const at = model.kept.findIndex((one) => one.step === Math.max(0, step - command.back));
        if (at < 0) return 409;
        model.kept.splice(at + 1);
        break;
      }
      case 'reset':
        model.kept = [{ step: 0, state: [0, 0] }];
        break;
      case 'put':
        model.kept.splice(-1, 1, { step, state: command.state });
        break;
      case 'step': {
        let now = state;
        for (const [i, x] of command.inputs.entries()) {
          now = await next(now, x);
          model.kept.push({ step: step + i + 1, state: now });
        }
        model.kept = model.kept.slice(-HISTORY - 1);
      }
    }
    model.version++;
    return 200;
  }
}

/** Sends what the command says; `step` is the one that the session is at. */
async function send(app: TestApp, command: Command, step: number): Promise<number> {
  const id = `s${command.who}`;
  const url = `/v1/sessions/${id}`;
  const post = async (path: string, body?: object) => (await call(app, 'POST', path, body)).status;
  switch (command.kind) {
    case 'open':
      return post('/v1/sessions', { id, cell: 'c', history: HISTORY });
    case 'save': {
      await call(app, 'DELETE', '/v1/checkpoints/k');
      return post('/v1/checkpoints', { id: 'k', all: true });
    }
    case 'restore':
      return post('/v1/checkpoints/k/restore', { create_missing: true });
    case 'step': {
      const rows = command.inputs.map((x) => [x]);
      return post(`${url}/steps`, { inputs: rows.length === 1 ? rows : [rows] });
    }
    case 'put':
      return (await call(app, 'PUT', `${url}/states`, { states: [[command.state]] })).status;
    case 'rewind':
      return post(`${url}/rewind`, { to_step: Math.max(0, step - command.back) });
    case 'fork':
      return post(`${url}/fork`, { id: `s${command.to}`, at_step: Math.max(0, step - command.back) });
    case 'reset':
      return post(`${url}/reset`);
    case 'delete':
      return (await call(app, 'DELETE', url)).status;
  }
}

onEveryStore('sessions', (served) => {
  it('are, after anything that is asked of them, what a model in plain memory says, bit for bit', async () => {
    const { app, store } = served;
    const cell = { id: 'c', class_name: 'GRUCell', config: { units: 2 }, input_shape: [null, 1] };
    await make(app, '/v1/cells', cell);
    const next = async (state: readonly number[], x: number): Promise<number[]> => {
      const reply = await call(app, 'POST', '/v1/cells/c/steps', { inputs: [[x]], states: [[state]] });
      return reply.body.output[0];
    };
    await fc.assert(
      fc.asyncProperty(fc.array(anyCommand, { minLength: 5, maxLength: 40 }), async (commands) => {
        const models = new Models();
        for (const command of commands) {
          const model = models.sessions.get(command.who);
          const status = await send(app, command, model ? presentOf(model).step : 0);
          expect(status, JSON.stringify(command)).toBe(await models.apply(command, next));
        }
        for (const id of [0, 1, 2]) {
          const model = models.sessions.get(id);
          const shown = await call(app, 'GET', `/v1/sessions/s${id}`);
          if (!model) {
            expect(shown.status).toBe(404);
            continue;
          }
          const { step, state } = presentOf(model);
          const [oldest, ...steps] = model.kept;
          expect(shown.body).toMatchObject({
            step,
            states: [[state]],
            version: model.version,
            oldest_step: oldest.step,
          });
          const { items } = (await call(app, 'GET', `/v1/sessions/s${id}/steps`)).body;
          const listed = items.map((item: { step: number; states: number[][][] }) => [item.step, item.states[0][0]]);
          expect(listed).toEqual(steps.map((one) => [one.step, one.state]));
          await call(app, 'DELETE', `/v1/sessions/s${id}`);
        }
        await call(app, 'DELETE', '/v1/checkpoints/k');
        // Nothing is left of what is deleted.
        expect(await store.list('session', undefined, 10)).toEqual([]);
        expect(await store.list('cell-session', undefined, 10)).toEqual([]);
      }),
      { numRuns: runs(40) },
    );
  });
});
