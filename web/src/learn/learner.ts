import { signal } from '@preact/signals';
import type { Api } from '../api/client.ts';
import { ApiProblem } from '../api/problem.ts';
import { Turns } from '../api/turns.ts';
import type { Tensor } from '../api/types.ts';
import type { Saved } from '../frame/saved.ts';
import type { Kind } from '../model/layers.ts';
import type { Moment } from '../model/moment.ts';
import { randomNumbers } from '../numbers/numbers.ts';
import { OwnCell, type Weights, zeroStates } from '../play/own-cell.ts';
import { newNetwork } from './network.ts';
import { Packer } from './packer.ts';
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
  /** The cell with its optimizer, where it has one. */
  readonly packed: string | undefined;
  readonly runs: readonly Run[];
}

const ROWS = 32;
const CHECK_ROWS = 16;
/** Steps of one call. Each call has examples of its own. */
const REPEAT = 5;
const CHECK_MILLISECONDS = 500;
/** Of the examples that it does not learn from. Those that it learns from have the number of the step as their seed. */
const CHECK_SEED = 2 ** 32 - 1;
/** How much of a training a reload may cost. */
const KEEP_MILLISECONDS = 1000;
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
  private readonly packer: Packer;
  /** A new network is made when the work on the one before has ended. */
  private readonly turns = new Turns();
  private stop = new AbortController();
  private checked = 0;
  private keptAt = 0;

  constructor(api: Api, saved: Saved) {
    this.own = new OwnCell(api, 'learn');
    this.packer = new Packer(api);
    this.api = api;
    this.saved = saved;
  }

  /** The network of the last visit, or a new one where there is none or another task is asked for. */
  start(task?: TaskName): Promise<void> {
    return this.turns.take(async () => {
      const kept = this.own.cell.value ? undefined : this.saved.read<Snapshot>('learn');
      if (kept) {
        this.settings.value = kept.settings;
        this.runs.value = kept.runs;
        this.losses.value = kept.losses;
      }
      const { value: settings } = this.settings;
      const other = task !== undefined && task !== settings.task;
      if (other || !(kept || this.own.cell.value)) return this.begin({ ...settings, task: task ?? settings.task });
      if (kept) await this.unpack(kept);
    });
  }

  /** A new network for other settings; the run so far is kept to compare with. */
  reset(settings: Settings): Promise<void> {
    this.pause();
    return this.turns.take(() => this.begin(settings));
  }

  async train(): Promise<void> {
    if (this.running.value) return;
    this.running.value = true;
    await this.turns.take(async () => {
      try {
        while (this.running.value && this.losses.value.length < MAX_STEPS) {
          await this.stepsOrWait();
        }
      } finally {
        this.running.value = false;
        await this.look();
        await this.keep();
      }
    });
  }

  step(): Promise<void> {
    return this.turns.take(async () => {
      await this.steps(1);
      await this.look();
      await this.keep();
    });
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
    this.packer.forget();
    this.own.forget();
  }

  forgetRuns(): Promise<void> {
    this.runs.value = [];
    return this.turns.take(() => this.keep());
  }

  private async begin(settings: Settings): Promise<void> {
    const { value: losses } = this.losses;
    if (losses.length > 1)
      this.runs.value = [{ settings: this.settings.value, losses }, ...this.runs.value].slice(0, MAX_RUNS);
    await this.own.make(newNetwork(settings));
    this.settings.value = settings;
    this.kept.value = undefined;
    this.losses.value = [];
    await this.look();
    await this.keep();
  }

  /** A service that is started again goes on from the weights that were seen last. */
  private async stepsOrWait(): Promise<void> {
    try {
      await this.steps(REPEAT);
      if (performance.now() - this.keptAt > KEEP_MILLISECONDS) await this.keep();
    } catch (error) {
      if (!(error instanceof ApiProblem) || error.status !== 0) throw error;
      await this.api.whenReached();
    }
  }

  private async steps(repeat: number): Promise<void> {
    const { optimizer, rate } = this.settings.value;
    const { value: before } = this.losses;
    const task = this.task();
    const request = {
      ...task.examples(randomNumbers(before.length), ROWS),
      loss: task.loss,
      optimizer: { class_name: optimizer, config: { learning_rate: rate } },
      repeat,
    };
    this.stop = new AbortController();
    const { signal } = this.stop;
    try {
      await this.own.again((cell) => this.follow(train(this.api, cell, request, signal)));
    } catch (error) {
      // The service takes all steps of a call, or none.
      this.losses.value = before;
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
    const examples = task.examples(randomNumbers(CHECK_SEED), CHECK_ROWS);
    await this.own.readWeights();
    this.moment.value = (await this.own.steps(examples.inputs[0], zeroStates(cell))).at(-1);
    const outputs = await this.own.outputs(examples.inputs);
    this.check.value = { ...examples, outputs, share: shareRight(task, outputs, examples.targets) };
    this.checked = performance.now();
  }

  private task() {
    return taskOf(this.settings.value.task, this.settings.value.delay);
  }

  /** Remembers the training as it is after the last step that is committed. */
  private async keep(): Promise<void> {
    const { value: cell } = this.own.cell;
    if (!cell) return;
    const { settings, losses, runs, own } = this;
    await own.readWeights();
    const id = own.cell.value?.id;
    const snapshot: Snapshot = {
      settings: settings.value,
      losses: losses.value,
      runs: runs.value,
      cell: id,
      weights: own.weights.value as Record<string, Tensor>,
      packed: id && losses.value.length > 0 ? await this.packer.pack(id) : undefined,
    };
    this.saved.write('learn', snapshot);
    this.keptAt = performance.now();
  }

  private async unpack({ packed, cell, settings, weights }: Snapshot): Promise<void> {
    if (packed && cell) await this.packer.unpack(cell, packed);
    await this.own.adopt(cell, newNetwork(settings), weights);
    await this.look();
  }
}
