/** What every run of torture is told. */
export interface RunOptions {
  /** Decides what the run draws; printed, so that it can be repeated. */
  readonly seed: number;
  /** Of what the run counts: kills, calls, seeds, … */
  readonly size: number;
  /** Is told how far the run is. */
  readonly progress?: (line: string) => void;
}
