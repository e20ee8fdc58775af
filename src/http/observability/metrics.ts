import type { FastifyInstance } from 'fastify';
import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import packageJson from '../../../package.json' with { type: 'json' };
import type { CommitOutcome, ComputeObserver, CountedStore } from '../../domain/ports.ts';
import type { Problem } from '../../domain/problems.ts';
import { CountingHistogram } from './histogram.ts';
import type { MetricsSnapshot } from './metrics-text.ts';
import { NO_ROUTE, routePattern } from './request-log.ts';
import { observeStore, observeTenants, type TenantObserver } from './usage-metrics.ts';

export interface MetricsOptions {
  /** Number of this process in the service, from 1: a label of every metric. */
  readonly worker: number;
  /** Also measure the process: CPU, memory, event loop. Set it once in a process. */
  readonly ofProcess: boolean;
  /** The trace that an observation belongs to, for exemplars. */
  readonly traceId?: () => string | undefined;
}

/** The state of computing when it is asked for. */
export interface ThreadStatistics {
  readonly threads: number;
  readonly running: number;
  readonly waiting: number;
}

/** The processes that run whole ONNX graphs when it is asked for. */
export interface GraphStatistics {
  readonly processes: number;
  readonly running: number;
  readonly waiting: number;
  /** How many have ended so far, by the reason. */
  readonly ended: Readonly<Record<string, number>>;
}

export interface Metrics {
  readonly compute: ComputeObserver;
  committed(outcome: CommitOutcome | 'failed', seconds: number, count?: number): void;
  watchThreads(read: () => ThreadStatistics): void;
  watchGraphs(read: () => GraphStatistics): void;
  watchRequests(app: FastifyInstance): void;
  /** A request was turned away before it had a route. */
  shed(method: string, problem: Problem): void;
  /** Bytes that requests hold, and may hold. */
  watchInFlight(read: () => number, limit: number): void;
  watchStore(store: Pick<CountedStore, 'usages' | 'freeBytes'>): void;
  readonly tenants: TenantObserver;
  snapshot(): Promise<MetricsSnapshot>;
}

const SECONDS = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
const QUEUE_SECONDS = [0.00001, 0.000025, 0.00005, ...SECONDS.slice(0, 12)];
const ROWS = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 4096];

/**
 * The counts and times of the process, for Prometheus. Labels have few values: routes as written in the API, statuses, kinds
 * of work; never an id.
 */
export function createMetrics({ worker, ofProcess, traceId }: MetricsOptions): Metrics {
  const registry = new Registry();
  registry.setDefaultLabels({ worker: `${worker}` });
  const registers = [registry];
  if (ofProcess) collectDefaultMetrics({ register: registry });

  const info = { name: 'cellstep_info', help: 'Always 1; the version.', labelNames: ['version'], registers };
  new Gauge(info).set({ version: packageJson.version }, 1);
  const requests = new CountingHistogram({
    name: 'cellstep_request_duration_seconds',
    help: 'From the headers of a request to the last byte of its reply, or to its outcome where the client has hung up.',
    labelNames: ['method', 'route', 'status'],
    buckets: SECONDS,
    registers,
  });
  let running = 0;
  new Gauge({
    name: 'cellstep_requests_running',
    help: 'Requests not yet answered.',
    registers,
    collect: function collect() {
      this.set(running);
    },
  });
  const steps = new CountingHistogram({
    name: 'cellstep_step_duration_seconds',
    help: 'Computing: single steps by batch, sequences and gradients by request; on threads with the wait for one.',
    labelNames: ['kind', 'place'],
    buckets: SECONDS,
    registers,
  });
  const rows = new CountingHistogram({
    name: 'cellstep_batch_size_rows',
    help: 'Rows of the batches that single steps run in.',
    buckets: ROWS,
    registers,
  });
  const queue = new CountingHistogram({
    name: 'cellstep_batch_queue_seconds',
    help: 'Wait of each single step, or of steps that came together, for its batch to begin.',
    buckets: QUEUE_SECONDS,
    registers,
  });
  const commits = new CountingHistogram({
    name: 'cellstep_store_commit_duration_seconds',
    help: 'Commits of the store: committed, conflict (another writer came first), failed.',
    labelNames: ['outcome'],
    buckets: SECONDS,
    registers,
  });

  const gauge = (name: string, help: string, read: () => number) =>
    new Gauge({
      name,
      help,
      registers,
      collect: function collect() {
        this.set(read());
      },
    });

  const tenants = observeTenants(registry);
  return {
    compute: {
      computed: (kind, place, seconds) => steps.of(kind, place).observe(seconds, traceId?.()),
      batched(size, waits) {
        rows.of().observe(size);
        for (const seconds of waits) queue.of().observe(seconds);
      },
    },
    committed: (outcome, seconds, count) => commits.of(outcome).observe(seconds, traceId?.(), count),
    watchThreads(read) {
      gauge('cellstep_threads', 'Threads for large work; they start when there is some.', () => read().threads);
      gauge('cellstep_threads_running', 'Threads that compute now.', () => read().running);
      gauge('cellstep_thread_tasks_waiting', 'Tasks that wait for a thread.', () => read().waiting);
    },
    watchGraphs(read) {
      gauge('cellstep_graph_processes', 'Processes that run whole ONNX graphs.', () => read().processes);
      gauge('cellstep_graph_processes_running', 'Of these, those that run a graph now.', () => read().running);
      gauge('cellstep_graph_runs_waiting', 'Runs of graphs that wait for a process.', () => read().waiting);
      new Counter({
        name: 'cellstep_graph_process_ends_total',
        help: 'Processes that ended, by reason: closed (had nothing to do), over-time, over-memory, crashed.',
        labelNames: ['reason'],
        registers,
        collect: function collect() {
          this.reset();
          for (const [reason, count] of Object.entries(read().ended)) this.inc({ reason }, count);
        },
      });
    },
    watchRequests(app) {
      // A socket has no reply whose end could be counted.
      app.check((request) => {
        if (!request.ws) running += 1;
        return undefined;
      });
      app.whenOver((request) => {
        if (!request.ws) running -= 1;
      });
      app.whenSettled((request, { statusCode, elapsedTime }) => {
        requests.of(request.method, routePattern(request), statusCode).observe(elapsedTime / 1000, request.traceId);
      });
    },
    watchInFlight(read, limit) {
      new Gauge({
        name: 'cellstep_in_flight_bytes',
        help: 'Bytes of bodies that have come and of replies that are not read yet.',
        registers,
        collect: function collect() {
          this.set(read());
        },
      });
      const limits = { name: 'cellstep_in_flight_limit_bytes', help: 'The most that they may be.', registers };
      new Gauge(limits).set(limit);
    },
    watchStore(store) {
      // The others would read the same.
      if (worker === 1) observeStore(registry, store);
    },
    shed(method, problem) {
      requests.of(method, NO_ROUTE, problem.status).observe(0);
      tenants.refused(problem, '');
    },
    tenants,
    snapshot: () => registry.getMetricsAsJSON(),
  };
}
