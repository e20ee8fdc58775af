import { Counter, Gauge, Registry } from 'prom-client';
import type { MetricsSnapshot } from './metrics-text.ts';

/** The supervisor's metrics of its processes. */
export interface SupervisorMetrics {
  up(worker: number, is: boolean): void;
  died(worker: number): void;
  snapshot(): Promise<MetricsSnapshot>;
}

export function createSupervisorMetrics(): SupervisorMetrics {
  const registry = new Registry();
  const registers = [registry];
  const labelNames = ['worker'];
  const up = new Gauge({
    name: 'cellstep_worker_up',
    help: 'Whether a worker takes connections.',
    labelNames,
    registers,
  });
  const deaths = new Counter({
    name: 'cellstep_worker_deaths_total',
    help: 'Unexpected ends of a worker.',
    labelNames,
    registers,
  });
  return {
    up(worker, is) {
      up.set({ worker }, is ? 1 : 0);
      // Prometheus sees no increase in what begins with 1.
      deaths.inc({ worker }, 0);
    },
    died: (worker) => deaths.inc({ worker }),
    snapshot: () => registry.getMetricsAsJSON(),
  };
}
