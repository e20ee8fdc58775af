import type { ReadonlySignal } from '@preact/signals';
import { signal } from '@preact/signals';
import type { Api, Call } from '../api/client.ts';
import { Turns } from '../api/turns.ts';
import { clearTour, type Shown, STOPS, type TourThings } from './stops.ts';

/** Where the tour is: which stops have run, and with which calls. A stop is run after all before it. */
export class Tour {
  readonly shown = signal<readonly (Shown & { readonly calls: readonly Call[] })[]>([]);
  private things: TourThings = {};
  private readonly api: Api;
  private readonly calls: ReadonlySignal<readonly Call[]>;
  private readonly turns = new Turns();

  constructor(api: Api, calls: ReadonlySignal<readonly Call[]>) {
    this.api = api;
    this.calls = calls;
  }

  /** Runs the stops up to this one that have not run yet. */
  reach(stop: number): Promise<void> {
    return this.turns.take(async () => {
      while (this.shown.value.length <= stop) await this.run();
    });
  }

  /** From the first line again, once the line under way has run. */
  restart(): Promise<void> {
    return this.turns.take(async () => this.forget());
  }

  /** The page goes, and with it what the tour has made. */
  forget(): void {
    clearTour(this.api, this.things);
    this.things = {};
    this.shown.value = [];
  }

  private async run(): Promise<void> {
    const [before] = this.calls.value;
    const shown = await STOPS[this.shown.value.length].run(this.api, this.things);
    this.things = { ...this.things, ...shown.things };
    const made = this.calls.value.indexOf(before);
    const calls = this.calls.value.slice(0, made < 0 ? undefined : made).toReversed();
    this.shown.value = [...this.shown.value, { ...shown, calls }];
  }
}
