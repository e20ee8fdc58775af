import { signal } from '@preact/signals';
import type { Api } from '../api/client.ts';
import type { Moment } from '../model/moment.ts';
import { OwnCell, type Weights, zeroStates } from './own-cell.ts';

/** Steps of the other future that are asked for in one call. */
const CHUNK = 250;

/** Another future of a play: from one of its steps on, with a changed input or other weights, over the same signal. */
export class Fork {
  readonly own: OwnCell;
  /** The step behind which the futures part; undefined: there is no fork. */
  readonly from = signal<number | undefined>(undefined);
  /** Edits of weights go to the fork. */
  readonly edits = signal(false);
  /** Of the first step behind the fork. */
  readonly input = signal<readonly number[]>([]);
  readonly moments: Moment[] = [];
  /** Grows whenever the steps are other ones. */
  readonly version = signal(0);

  constructor(api: Api) {
    this.own = new OwnCell(api, 'playground-fork');
  }

  async start(from: number, body: Record<string, unknown>, weights: Weights, main: readonly Moment[]): Promise<void> {
    await this.own.make(body, weights);
    this.from.value = from;
    this.edits.value = true;
    this.input.value = main[from]?.x ?? main[from - 1]?.x ?? [];
    await this.run(main);
  }

  stop(): void {
    this.own.forget();
    this.from.value = undefined;
    this.edits.value = false;
    this.moments.length = 0;
    this.version.value++;
  }

  async putWeights(weights: Weights, main: readonly Moment[]): Promise<void> {
    await this.own.putWeights(weights);
    await this.run(main);
  }

  async putInput(input: readonly number[], main: readonly Moment[]): Promise<void> {
    this.input.value = input;
    await this.run(main);
  }

  /** Takes the steps that the play has taken meanwhile. */
  async follow(main: readonly Moment[]): Promise<void> {
    const { value: from } = this.from;
    const { value: cell } = this.own.cell;
    if (from === undefined || !cell) return;
    while (from + this.moments.length < main.length) {
      const next: number = from + this.moments.length;
      const xs = main.slice(next, next + CHUNK).map(({ x }) => x);
      if (next === from) xs[0] = this.input.value;
      const states = this.moments.at(-1)?.states ?? main[from - 1]?.states ?? zeroStates(cell);
      this.moments.push(...(await this.own.steps(xs, states)));
    }
    this.version.value++;
  }

  private async run(main: readonly Moment[]): Promise<void> {
    this.moments.length = 0;
    await this.follow(main);
  }
}
