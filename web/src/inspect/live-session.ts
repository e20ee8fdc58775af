import { signal } from '@preact/signals';
import type { Api } from '../api/client.ts';
import type { ApiProblem } from '../api/problem.ts';
import type { Cell, KeptStep, Session, StepReply, Tensor, WeightsReply } from '../api/types.ts';
import { likeKeras, statesOfRow } from '../model/foreign.ts';
import { type Layer, layersOf } from '../model/layers.ts';
import { type Moment, momentOf } from '../model/moment.ts';
import { wire } from '../numbers/numbers.ts';
import { follow, keptSteps } from './follow.ts';
import type { SeenStep } from './seen-steps.ts';

/** Steps that are remembered of a session that is looked at. */
const MOST_SEEN = 10_000;
const MOST_WEIGHTS = 200_000;

interface TakenStep {
  readonly inputs: readonly (readonly number[])[];
  /** The states before it, of all rows. */
  readonly former: readonly Tensor[];
  readonly reply: StepReply;
}

/** A session of the service, followed as its steps arrive. */
export class LiveSession {
  readonly session = signal<Session | undefined>(undefined);
  readonly cell = signal<Cell | undefined>(undefined);
  readonly layers = signal<readonly Layer[]>([]);
  readonly weights = signal<Readonly<Record<string, Tensor>>>({});
  /** Steps with the states of all rows, oldest first. */
  readonly seen = signal<readonly KeptStep[]>([]);
  /** By its number, each step that was taken from this page. */
  private readonly taken = new Map<number, TakenStep>();
  readonly ended = signal<ApiProblem | undefined>(undefined);
  private readonly api: Api;
  private readonly id: string;
  private last: Promise<unknown> = Promise.resolve();

  constructor(api: Api, id: string) {
    this.api = api;
    this.id = id;
  }

  async follow(stop: AbortSignal): Promise<void> {
    const onSession = (session: Session) => {
      this.last = this.last.then(() => this.take(session)).catch(() => undefined);
    };
    await follow(
      this.api,
      this.id,
      {
        onSession,
        onEnd: (problem) => {
          this.ended.value = problem;
        },
      },
      stop,
    );
  }

  /** Takes one step, with its trace. Each row of the inputs has its features, or a number alone. */
  async step(inputs: readonly (readonly number[])[], reads: number | 'number' = inputs[0].length): Promise<void> {
    const former = this.session.value?.states ?? [];
    const sent = inputs.map((row) => row.map(wire));
    const body = { inputs: reads === 'number' ? sent.flat() : sent, trace: true, return_states: true };
    const reply = await this.api.post<StepReply & { step: number }>(`v1/sessions/${this.id}/steps`, body);
    this.taken.set(reply.step, { inputs, former, reply });
    await this.refresh();
  }

  /** A row of a step that was taken from this page, with its gates; not if the session took another step in its place since. */
  moment(step: number, row: number, states: SeenStep['states']): Moment | undefined {
    const taken = this.taken.get(step);
    const shapes = this.cell.value?.state_shapes;
    if (!taken?.inputs[row]) return undefined;
    const reply = likeKeras(this.layers.value, shapes, taken.reply, row);
    const moment = momentOf(taken.inputs[row], statesOfRow(shapes, taken.former, row), reply);
    return JSON.stringify(moment.states) === JSON.stringify(states) ? moment : undefined;
  }

  async rewind(step: number): Promise<void> {
    await this.api.post(`v1/sessions/${this.id}/rewind`, { to_step: step });
    await this.refresh();
  }

  async reset(): Promise<void> {
    await this.api.post(`v1/sessions/${this.id}/reset`);
    await this.refresh();
  }

  fork(step: number): Promise<Session> {
    const kept = (this.session.value?.history ?? 0) > 0;
    return this.api.post<Session>(`v1/sessions/${this.id}/fork`, kept ? { at_step: step } : {});
  }

  end(): Promise<void> {
    return this.api.delete(`v1/sessions/${this.id}`);
  }

  private async refresh(): Promise<void> {
    await this.take(await this.api.get<Session>(`v1/sessions/${this.id}`));
  }

  private async take(session: Session): Promise<void> {
    if (session.version < (this.session.value?.version ?? 0)) return;
    if (!this.cell.value || session.cell_version !== this.session.value?.cell_version)
      await this.readCell(session.cell);
    const former = this.seen.value.filter(({ step }) => step < session.step && step <= (this.session.value?.step ?? 0));
    // A session that keeps nothing is remembered here, as far as it was seen.
    const known = former.at(-1)?.step ?? 0;
    const missed = session.history > 0 && session.step !== known + 1;
    const next = missed ? await keptSteps(this.api, this.id, Math.max(known, session.oldest_step)) : [];
    const own = { step: session.step, output: [], states: session.states };
    const all = next.length > 0 ? [...former, ...next] : session.step > 0 ? [...former, own] : [];
    this.seen.value = all.slice(-MOST_SEEN);
    this.session.value = session;
  }

  private async readCell(id: string): Promise<void> {
    const cell = await this.api.get<Cell>(`v1/cells/${id}`);
    this.cell.value = cell;
    this.layers.value = layersOf(cell);
    if (cell.parameter_count > MOST_WEIGHTS) return;
    this.weights.value = (await this.api.get<WeightsReply>(`v1/cells/${id}/weights`)).weights;
  }
}
