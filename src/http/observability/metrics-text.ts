import { type MetricObjectWithValues, type MetricValue, Registry } from 'prom-client';

/** The metrics of one process, as prom-client writes them down; it can be sent to another process. */
export type MetricsSnapshot = readonly MetricObjectWithValues<MetricValue<string>>[];

/** The two text formats. Only OpenMetrics has exemplars: the trace of one request of a bucket. */
export const METRICS_TYPES = {
  prometheus: Registry.PROMETHEUS_CONTENT_TYPE,
  openMetrics: Registry.OPENMETRICS_CONTENT_TYPE,
} as const;
export type MetricsFormat = keyof typeof METRICS_TYPES;

/** The format that a scraper asks for. Prometheus asks for OpenMetrics first. */
export function metricsFormatOf(accept: string | undefined): MetricsFormat {
  return accept?.includes('application/openmetrics-text') ? 'openMetrics' : 'prometheus';
}

/** The metrics of several processes. Their labels tell them apart, so nothing is added up. */
export function metricsText(snapshots: readonly MetricsSnapshot[], format: MetricsFormat): Promise<string> {
  const registry = new Registry();
  registry.setContentType(METRICS_TYPES[format] as never);
  const merged = new Map<string, MetricObjectWithValues<MetricValue<string>>>();
  for (const metric of snapshots.flat()) {
    const values = [...(merged.get(metric.name)?.values ?? []), ...metric.values];
    merged.set(metric.name, { ...metric, values });
  }
  for (const metric of merged.values()) registry.registerMetric(asMetric(metric));
  return registry.metrics();
}

/** The part of a metric that a registry uses. */
function asMetric(metric: MetricObjectWithValues<MetricValue<string>>) {
  // The registry renames a counter for OpenMetrics.
  const named = { ...metric, get: async () => ({ ...metric, name: named.name }) };
  return named as never;
}
