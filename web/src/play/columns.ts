import type { Moment } from '../model/moment.ts';

type Read = (moment: Moment) => readonly number[];

/** Some numbers of each step as columns that grow with the steps, so that a plot of thousands need not gather them anew. */
export class Columns {
  private readonly read: Read;
  private readonly most: number;
  private columns: Float64Array[] = [];
  private length = 0;

  constructor(read: Read, most: number) {
    this.read = read;
    this.most = most;
  }

  /** The columns of the steps from one to another, counted from 0. Steps are only ever added. */
  of(moments: readonly Moment[], from: number, to: number): Float64Array[] {
    for (; this.length < moments.length; this.length++) {
      const values = this.read(moments[this.length]);
      if (this.length === 0)
        this.columns = values.slice(0, this.most).map(() => new Float64Array(Math.max(256, moments.length)));
      else if (this.length === this.columns[0]?.length) this.columns = this.columns.map(doubled);
      for (let j = 0; j < this.columns.length; j++) this.columns[j][this.length] = values[j];
    }
    return this.columns.map((column) => column.subarray(from, to));
  }
}

function doubled(column: Float64Array): Float64Array {
  const larger = new Float64Array(2 * column.length);
  larger.set(column);
  return larger;
}
