import { Histogram, type HistogramConfiguration } from 'prom-client';

type LabelValue = string | number;

/** A sample as prom-client writes it down. */
interface Sample {
  readonly metricName: string;
  readonly labels: Record<string, LabelValue>;
  readonly value: number;
  readonly exemplar?: Exemplar;
}

/** One observation of a bucket, as OpenMetrics shows it. */
interface Exemplar {
  readonly labelSet: { readonly trace_id: string };
  readonly value: number;
  /** Seconds. */
  readonly timestamp: number;
}

/** The observations with one value of each label. */
class Series {
  private readonly bounds: readonly number[];
  /** One count for each bound, and one for values above the last. */
  private readonly counts: number[];
  private readonly exemplars: (Exemplar | undefined)[] = [];
  private sum = 0;

  constructor(bounds: readonly number[]) {
    this.bounds = bounds;
    this.counts = Array.from({ length: bounds.length + 1 }, () => 0);
  }

  /** `traceId` names the trace of what was observed. `count`: how often. */
  observe(value: number, traceId?: string, count = 1): void {
    const { bounds } = this;
    let bucket = 0;
    while (bucket < bounds.length && value > bounds[bucket]) bucket++;
    this.counts[bucket] += count;
    this.sum += value * count;
    if (traceId === undefined) return;
    this.exemplars[bucket] = { labelSet: { trace_id: traceId }, value, timestamp: Date.now() / 1000 };
  }

  samples(name: string, labels: Record<string, LabelValue>): Sample[] {
    let count = 0;
    const buckets = this.counts.map((own, k) => {
      count += own;
      const sample = {
        metricName: `${name}_bucket`,
        labels: { le: this.bounds[k] ?? '+Inf', ...labels },
        value: count,
      };
      const exemplar = this.exemplars[k];
      return exemplar ? { ...sample, exemplar } : sample;
    });
    return [
      ...buckets,
      { metricName: `${name}_sum`, labels, value: this.sum },
      { metricName: `${name}_count`, labels, value: count },
    ];
  }
}

interface Branch {
  readonly branches: Map<LabelValue, Branch>;
  series?: Series;
}

/**
 * A histogram for prom-client that counts by itself. prom-client would build a text from the labels of each observation to
 * find its count, several times per request.
 */
export class CountingHistogram extends Histogram {
  private readonly settings: { readonly name: string; readonly labels: readonly string[]; readonly bounds: number[] };
  private readonly root: Branch = { branches: new Map() };
  private readonly all: { readonly labels: Record<string, LabelValue>; readonly series: Series }[] = [];

  constructor(config: HistogramConfiguration<string> & { readonly buckets: number[] }) {
    super(config);
    this.settings = { name: config.name, labels: config.labelNames ?? [], bounds: config.buckets };
    if (this.settings.labels.length === 0) this.of();
  }

  /** Returns the function that observes values for these labels, given in the order of their names. */
  of(...values: readonly LabelValue[]): Series {
    let branch = this.root;
    for (const value of values) {
      let next = branch.branches.get(value);
      if (!next) {
        next = { branches: new Map() };
        branch.branches.set(value, next);
      }
      branch = next;
    }
    branch.series ??= this.begin(values);
    return branch.series;
  }

  private begin(values: readonly LabelValue[]): Series {
    const { labels, bounds } = this.settings;
    const series = new Series(bounds);
    this.all.push({ labels: Object.fromEntries(labels.map((label, k) => [label, values[k]])), series });
    return series;
  }

  override async get() {
    const { name } = this.settings;
    return { ...(await super.get()), values: this.all.flatMap(({ labels, series }) => series.samples(name, labels)) };
  }
}
