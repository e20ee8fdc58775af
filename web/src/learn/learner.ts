import { signal } from '@preact/signals';
import type { Api } from '../api/client.ts';
import { ApiProblem } from '../api/problem.ts';
import type { Tensor } from '../api/types.ts';
import type { Saved } from '../frame/saved.ts';
import type { Kind } from '../model/layers.ts';
import type { Moment } from '../model/moment.ts';
import { randomNumbers } from '../numbers/numbers.ts';
import { OwnCell, type Weights, zeroStates } from '../play/own-cell.ts';
import { newNetwork } from './network.ts';
import { type Cube, type Examples, shareRight, type TaskName, taskOf } from './tasks.ts';
import { type OptimizerName, train } from './training.ts';

export interface Settings {
  readonly task: TaskName;
  readonly delay: number;
  readonly kind: Kind;
  readonly units: number;
  readonly optimizer: OptimizerName;
  readonly rate: number;
}

const FIRST_SETTINGS: Settings = {
  task: 'echo',
  delay: 2,
  kind: 'gru',
  units: 16,
  optimizer: 'Adam',
  rate: 0.02,
};

/** A run that is over, to be compared with. */
export interface Run {
  readonly settings: Settings;
  readonly losses: readonly number[];
}

/** How the network does on examples that it does not learn from. */
export interface Check extends Examples {
  readonly outputs: Cube;
  readonly share: number;
}

interface Snapshot extends Run {
  readonly cell: string | undefined;
  readonly weights: Weights;
  readonly runs: readonly Run[];
}

const ROWS = 32;
const CHECK_ROWS = 16;
/** Steps of one call. Each call has examples of its own. */
const REPEAT = 5;
const CHECK_MILLISECONDS = 500;
const MAX_STEPS = 20_000;
const MAX_RUNS = 5;

/** Trains a network of its own on a task, over the API. The tab remembers its weights; a copy can be kept in the service. */
export class Learner {
  readonly settings = signal<Settings>(FIRST_SETTINGS);
  readonly own: OwnCell;
  readonly running = signal(false);
  readonly losses = signal<readonly number[]>([]);
  readonly check = signal<Check | undefined>(undefined);
  /** The last step of the first of these examples. */
  readonly moment = signal<Moment | undefined>(undefined);
  readonly runs = signal<readonly Run[]>([]);
  /** The id of the last copy that was kept. */
  readonly kept = signal<string | undefined>(undefined);
  private readonly saved: Saved;
  private readonly api: Api;
  private random = randomNumbers(1);
  private stop = new AbortController();
  private checked = 0;

  constructor(api: Api, saved: Saved) {
    this.own = new OwnCell(api, 'learn');
    this.api = api;
    this.saved = saved;
  }

  /** The network of the last visit, or a new one. */
  async start(): Promise<void> {
    if (this.own.cell.value) return;
    const kept = this.saved.read<Snapshot>('learn');
    if (kept) {
      this.settings.value = kept.settings;
      this.runs.value = kept.runs;
      await this.own.adopt(kept.cell, newNetwork(kept.settings), kept.weights);
      this.losses.value = kept.losses;
    } else await this.own.make(newNetwork(this.settings.value));
    await this.look();
  }

  /** A new network for other settings; the run so far is kept to compare with. */
  async reset(settings: Settings): Promise<void> {
    this.pause();
    const { value: losses } = this.losses;
    if (losses.length > 1)
      this.runs.value = [{ settings: this.settings.value, losses }, ...this.runs.value].slice(0, MAX_RUNS);
    await this.own.make(newNetwork(settings));
    this.settings.value = settings;
    this.kept.value = undefined;
    this.losses.value = [];
    this.random = randomNumbers(1);
    await this.look();
    this.keep();
  }

  async train(): Promise<void> {
    if (this.running.value) return;
    this.running.value = true;
    try {
      while (this.running.value && this.losses.value.length < MAX_STEPS) await this.stepsOrWait();
    } finally {
      this.running.value = false;
      await this.look();
      this.keep();
    }
  }

  async step(): Promise<void> {
    await this.steps(1);
    await this.look();
    this.keep();
  }

  pause(): void {
    this.running.value = false;
    this.stop.abort();
  }

  /** Keeps a copy of the network as a cell, named after what it learned. */
  async keepCopy(): Promise<void> {
    const { task, kind, units } = this.settings.value;
    this.kept.value = await this.own.copy(`${task}-${kind}-${units}`);
  }

  /** The page goes, and the network with it. */
  forget(): void {
    this.pause();
    this.keep();
    this.own.forget();
  }

  forgetRuns(): void {
    this.runs.value = [];
    this.keep();
  }

  /** A service that is started again goes on from the weights that were seen last. */
  private async stepsOrWait(): Promise<void> {
    try {
      await this.steps(REPEAT);
    } catch (error) {
      if (!(error instanceof ApiProblem) || error.status !== 0) throw error;
      await this.api.whenReached();
    }
  }

  private async steps(repeat: number): Promise<void> {
    const { optimizer, rate } = this.settings.value;
    const task = this.task();
    const request = {
      ...task.examples(this.random, ROWS),
      loss: task.loss,
      optimizer: { class_name: optimizer, config: { learning_rate: rate } },
      repeat,
    };
    this.stop = new AbortController();
    const { signal } = this.stop;
    try {
      await this.own.again((cell) => this.follow(train(this.api, cell, request, signal)));
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }

  private async follow(losses: AsyncIterable<number>): Promise<void> {
    for await (const loss of losses) {
      this.losses.value = [...this.losses.value, loss];
      if (this.running.value && performance.now() - this.checked > CHECK_MILLISECONDS) await this.look();
    }
  }

  /** Reads the weights, and how the network does now. */
  private async look(): Promise<void> {
    const { value: cell } = this.own.cell;
    if (!cell) return;
    const task = this.task();
    const examples = task.examples(randomNumbers(99), CHECK_ROWS);
    await this.own.readWeights();
    this.moment.value = (await this.own.steps(examples.inputs[0], zeroStates(cell))).at(-1);
    const outputs = await this.own.outputs(examples.inputs);
    this.check.value = { ...examples, outputs, share: shareRight(task, outputs, examples.targets) };
    this.checked = performance.now();
  }

  private task() {
    return taskOf(this.settings.value.task, this.settings.value.delay);
  }

  private keep(): void {
    if (!this.own.cell.value) return;
    const { settings, losses, runs, own } = this;
    const snapshot: Snapshot = {
      settings: settings.value,
      losses: losses.value,
      runs: runs.value,
      cell: own.cell.value?.id,
      weights: own.weights.value as Record<string, Tensor>,
    };
    this.saved.write('learn', snapshot);
  }
}
