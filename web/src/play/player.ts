import { batch, computed, signal } from '@preact/signals';
import type { Api } from '../api/client.ts';
import { ApiProblem } from '../api/problem.ts';
import { Turns } from '../api/turns.ts';
import type { Moment } from '../model/moment.ts';
import { changed, type History, historyOf, redone, undone } from '../model/undo.ts';
import { folded } from '../numbers/numbers.ts';
import { readySignal, type Signal, type SignalName } from '../signals/signal.ts';
import { Fork } from './fork.ts';
import { OwnCell, type Weights, zeroStates } from './own-cell.ts';
import { FIRST_SPEC, newCell, type Spec } from './spec.ts';

/** More steps than this are not kept; playing ends there. */
const MAX_MOMENTS = 10_000;
/** Steps a second; from BURST on several are taken by one call. */
export const SPEEDS = [1, 4, 12, 30, 120, 1000] as const;
const BURST = 60;

/** What a reload brings back. */
export interface PlayerSnapshot {
  readonly spec: Spec;
  readonly seed: number;
  readonly weights: Weights;
  readonly signalName: SignalName;
  readonly signal: Signal;
  readonly moments: readonly Moment[];
  readonly speed: number;
  readonly at: number | undefined;
}

/** Plays a signal to a cell of its own, and remembers every step. */
export class Player {
  readonly own: OwnCell;
  readonly fork: Fork;
  readonly spec = signal<Spec>(FIRST_SPEC);
  readonly signalName = signal<SignalName>('sine');
  readonly signal = signal<Signal>(readySignal('sine', 1));
  /** Grows in place; `count` says by how much. */
  readonly moments: Moment[] = [];
  readonly count = signal(0);
  readonly playing = signal(false);
  readonly speed = signal<number>(12);
  /** The step that is looked at, from 1; undefined: always the newest. */
  readonly at = signal<number | undefined>(undefined);
  readonly edits = signal<History<Weights>>(historyOf({}));
  readonly shown = computed(() => {
    const { value } = this.count;
    return this.moments[(this.at.value ?? value) - 1];
  });
  private seed = 7;
  /** What stopped the playing. */
  readonly problem = signal<ApiProblem | undefined>(undefined);
  private readonly api: Api;
  /** Calls are made one after another, so that each goes on from the one before. */
  private readonly turns = new Turns();

  constructor(api: Api) {
    this.api = api;
    this.own = new OwnCell(api, 'playground');
    this.fork = new Fork(api);
  }

  /** Makes the cell of the options; its weights are drawn from the seed where none are given. */
  make(spec: Spec, weights?: Weights): Promise<void> {
    return this.turns.take(async () => {
      await this.own.make(newCell(spec, this.seed), weights, () => {
        if (spec.features !== this.spec.value.features)
          this.signal.value = fitted(this.signal.value, this.signalName.value, spec.features);
        this.spec.value = spec;
        this.edits.value = historyOf(this.own.weights.value);
        this.clear();
      });
    });
  }

  draw(): Promise<void> {
    this.seed = 1 + Math.floor(Math.random() * 1e6);
    return this.make(this.spec.value);
  }

  /** Zero state, no steps. */
  reset(): Promise<void> {
    return this.turns.take(async () => this.clear());
  }

  choose(name: SignalName, values: Signal): void {
    this.signalName.value = name;
    this.signal.value = values;
  }

  /** Takes the next steps of the signal, which begins anew at its end. */
  advance(steps: number): Promise<void> {
    return this.turns.take(async () => {
      const wanted = Math.min(steps, MAX_MOMENTS - this.moments.length);
      const { value: cell } = this.own.cell;
      if (!cell || wanted <= 0) return;
      const from = this.moments.length;
      const xs = Array.from({ length: wanted }, (_, i) => this.input(from + i));
      const states = this.moments.at(-1)?.states ?? zeroStates(cell);
      const made = wanted === 1 ? [await this.own.step(xs[0], states)] : await this.own.steps(xs, states);
      this.moments.push(...made);
      this.count.value = this.moments.length;
      await this.fork.follow(this.moments);
    });
  }

  input(step: number): readonly number[] {
    return this.signal.value[step % this.signal.value.length];
  }

  async play(): Promise<void> {
    if (this.playing.value) return;
    batch(() => {
      this.playing.value = true;
      this.at.value = undefined;
      this.problem.value = undefined;
    });
    try {
      while (this.playing.value && this.moments.length < MAX_MOMENTS) await this.beat();
    } catch (error) {
      if (!(error instanceof ApiProblem)) throw error;
      this.problem.value = error;
    } finally {
      this.playing.value = false;
    }
  }

  pause(): void {
    this.playing.value = false;
  }

  /** New values of one variable: shown at once, sent when they are final. The other weights stay as they are. */
  async edit(name: string, values: number[][], done: boolean): Promise<void> {
    const { value: cell } = this.own.cell;
    const shape = cell?.variables.find((variable) => variable.name === name)?.shape;
    if (!shape) return;
    const target = this.fork.edits.value ? this.fork.own : this.own;
    const weights = { ...target.weights.value, [name]: folded(values, shape) } as Weights;
    if (!done) {
      target.weights.value = weights;
      return;
    }
    await this.turns.take(async () => {
      if (target === this.fork.own) await this.fork.putWeights(weights, this.moments);
      else await this.keep(weights, changed(this.edits.value, weights));
    });
  }

  undo(): Promise<void> {
    return this.travel(undone(this.edits.value));
  }

  redo(): Promise<void> {
    return this.travel(redone(this.edits.value));
  }

  /** Takes up another future behind the step that is looked at. */
  startFork(): Promise<void> {
    return this.turns.take(() =>
      this.fork.start(
        this.at.value ?? this.moments.length,
        newCell(this.spec.value, this.seed),
        this.own.weights.value,
        this.moments,
      ),
    );
  }

  putForkInput(input: readonly number[]): Promise<void> {
    return this.turns.take(() => this.fork.putInput(input, this.moments));
  }

  endFork(): Promise<void> {
    return this.turns.take(async () => this.fork.stop());
  }

  snapshot(mostBytes: number): PlayerSnapshot {
    const moments: Moment[] = [];
    for (let i = this.moments.length - 1, bytes = 0; i >= 0 && bytes < mostBytes; i--) {
      bytes += JSON.stringify(this.moments[i]).length;
      moments.unshift(this.moments[i]);
    }
    return {
      spec: this.spec.value,
      seed: this.seed,
      weights: this.own.weights.value,
      signalName: this.signalName.value,
      signal: this.signal.value,
      // Steps are counted from the first one: without it, none are kept.
      moments: moments.length === this.moments.length ? moments : [],
      speed: this.speed.value,
      at: this.at.value,
    };
  }

  async restore(snapshot: PlayerSnapshot): Promise<void> {
    this.seed = snapshot.seed;
    this.spec.value = snapshot.spec;
    this.speed.value = snapshot.speed;
    this.choose(snapshot.signalName, snapshot.signal);
    await this.make(snapshot.spec, snapshot.weights);
    this.moments.push(...snapshot.moments);
    this.count.value = this.moments.length;
    this.at.value = snapshot.at;
  }

  forget(): void {
    this.pause();
    this.own.forget();
    this.fork.stop();
  }

  private async beat(): Promise<void> {
    const started = performance.now();
    const { value: speed } = this.speed;
    const steps = speed >= BURST ? Math.round(speed / 10) : 1;
    try {
      await this.advance(steps);
    } catch (error) {
      // A service that is started again goes on where it was.
      if (!(error instanceof ApiProblem) || error.status !== 0) throw error;
      await this.api.whenReached();
    }
    const rest = (1000 * steps) / speed - (performance.now() - started);
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, rest)));
  }

  private travel(history: History<Weights>): Promise<void> {
    return this.turns.take(() =>
      history === this.edits.value ? Promise.resolve() : this.keep(history.present, history),
    );
  }

  private async keep(weights: Weights, history: History<Weights>): Promise<void> {
    try {
      await this.own.putWeights(weights);
      this.edits.value = history;
    } catch (error) {
      this.own.weights.value = this.edits.value.present;
      throw error;
    }
  }

  private clear(): void {
    this.moments.length = 0;
    this.count.value = 0;
    this.at.value = undefined;
    this.fork.stop();
  }
}

function fitted(values: Signal, name: SignalName, features: number): Signal {
  if (name === 'sine' || name === 'steps' || name === 'pulse' || name === 'noise') return readySignal(name, features);
  return values.map((row) => Array.from({ length: features }, (_, i) => row[i] ?? 0));
}
