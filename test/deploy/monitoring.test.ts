import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { findProgram } from '../../scripts/programs.ts';
import { createMetrics } from '../../src/http/observability/metrics.ts';
import { metricsText } from '../../src/http/observability/metrics-text.ts';
import { createSupervisorMetrics } from '../../src/http/observability/supervisor-metrics.ts';
import { openLmdbStore } from '../../src/store/lmdb/lmdb.ts';
import { startApp } from '../support/app.ts';
import { call } from '../support/call.ts';
import { DEPLOY, manifestsOf } from './render.ts';

interface Dashboard {
  readonly panels: readonly { title: string; description: string; targets: { expr: string }[] }[];
  readonly templating: { readonly list: readonly { readonly query: string | { readonly query: string } }[] };
}

const MONITORING = join(DEPLOY, 'monitoring');
const text = (file: string) => readFileSync(join(MONITORING, file), 'utf8');
const [{ groups }] = manifestsOf(text('rules.yaml'));
const rules: { alert?: string; record?: string; expr: string }[] = groups.flatMap(
  (group: { rules: object[] }) => group.rules,
);
const dashboard: Dashboard = JSON.parse(text('dashboard.json'));
const { panels } = dashboard;
const expressions = [
  ...rules.map(({ expr }) => expr),
  ...panels.flatMap(({ targets }) => targets.map(({ expr }) => expr)),
  ...dashboard.templating.list.flatMap(({ query }) => (typeof query === 'string' ? [] : query.query)),
];

/** The page of a service of several workers on LMDB with threads, after requests that have each kind of outcome. */
async function servedPage(): Promise<string> {
  const directory = mkdtempSync(join(tmpdir(), 'cellstep-metrics-'));
  const store = await openLmdbStore({ directory });
  const metrics = createMetrics({ worker: 1, ofProcess: true });
  const app = await startApp({ store, metrics, threads: 1, quotas: { cells: 1 } });
  const cell = { id: 'c', class_name: 'LSTMCell', config: { units: 2 }, input_shape: [null, 1] };
  await call(app, 'POST', '/v1/cells', cell);
  await call(app, 'POST', '/v1/cells', { ...cell, id: 'd' });
  await call(app, 'POST', '/v1/sessions', { id: 's', cell: 'c' });
  await call(app, 'POST', '/v1/sessions/s/steps', { inputs: [[1]] });
  // A connection counts where there is one.
  await fetch(`${await app.listen({ host: '127.0.0.1', port: 0 })}/v1/usage`);
  const supervisor = createSupervisorMetrics();
  supervisor.up(1, true);
  supervisor.died(2);
  const page = await metricsText([await metrics.snapshot(), await supervisor.snapshot()], 'prometheus');
  await app.close();
  await store.close();
  rmSync(directory, { recursive: true });
  return page;
}

describe('rules and dashboard', () => {
  let page = '';
  /** The labels of each series by its name. */
  const served = new Map<string, Set<string>>();
  beforeAll(async () => {
    page = await servedPage();
    // A metric without a sample yet has labels that nobody knows.
    for (const [, name] of page.matchAll(/^# TYPE (\S+) (?:counter|gauge)$/gm)) served.set(name, new Set(['*']));
    for (const line of page.split('\n')) {
      const [, name, labels = ''] = /^([a-z_0-9]+)(?:\{(.*)\})? /.exec(line) ?? [];
      if (name === undefined) continue;
      const known = served.get(name)?.has('*') ? new Set<string>() : (served.get(name) ?? new Set<string>());
      for (const label of ['instance', 'job']) known.add(label);
      for (const [, label] of labels.matchAll(/([a-z_]+)="/g)) known.add(label);
      served.set(name, known);
    }
  });

  it('ask only for metrics that the service has, and for labels of theirs', () => {
    const records = new Set(rules.flatMap(({ record }) => record ?? []));
    for (const expr of expressions) {
      const names = [...expr.matchAll(/\b((?:cellstep|nodejs|process)_[a-z0-9_]+|cellstep:[a-z0-9_:]+)(\{[^}]*\})?/g)];
      expect(names.length, expr).toBeGreaterThan(0);
      const labels = new Set<string>();
      for (const [, name, matchers = ''] of names) {
        if (records.has(name)) continue;
        const known = served.get(name);
        expect(known, `${name} in ${expr}`).toBeDefined();
        for (const label of known ?? []) labels.add(label);
        if (known?.has('*')) continue;
        for (const [, label] of matchers.matchAll(/([a-z_]+)(?==|!=|=~)/g)) expect([...(known ?? [])]).toContain(label);
      }
      for (const [, list] of expr.matchAll(/by \(([^)]*)\)/g)) {
        for (const label of list.split(',').map((one) => one.trim())) expect([...labels], expr).toContain(label);
      }
    }
  });

  it('leave out none of the metrics of the service', () => {
    const own = [...page.matchAll(/^# TYPE (cellstep_\w+)/gm)].map(([, name]) => name);
    const unused = own.filter(
      (name) => !expressions.some((expr: string) => new RegExp(`\\b${name}(_bucket|_count|_sum)?\\b`).test(expr)),
    );
    expect(unused).toEqual([]);
  });

  it('have a place in docs/operations.md for each alert, and no other', () => {
    const operations = readFileSync(join(DEPLOY, '..', 'docs', 'operations.md'), 'utf8');
    const described = [...operations.matchAll(/^### (Cellstep\w+)$/gm)].map(([, name]) => name);
    expect(described).toEqual(rules.flatMap(({ alert }) => alert ?? []));
  });

  it('say in each panel what it shows', () => {
    for (const { title, description } of panels) expect(description.length, title).toBeGreaterThan(10);
  });
});

const PROMTOOL = findProgram('promtool');
if (!PROMTOOL) console.warn('no promtool in PATH: the rules are NOT tested');
describe.runIf(PROMTOOL || process.env.CELLSTEP_CI === '1')('promtool', () => {
  const promtool = (args: readonly string[], input = '') =>
    spawnSync(PROMTOOL ?? '', args, { cwd: MONITORING, encoding: 'utf8', input });

  it('accepts the rules, and each alert fires for its cause', () => {
    expect(promtool(['check', 'rules', 'rules.yaml'])).toMatchObject({ status: 0 });
    const { status, stdout, stderr } = promtool(['test', 'rules', 'rules.test.yaml']);
    expect(status, stdout + stderr).toBe(0);
    const tested = text('rules.test.yaml');
    for (const { alert } of rules) if (alert) expect(tested).toContain(`alertname: ${alert} `);
  });

  it('finds no fault in the metrics', async () => {
    const { stderr, error } = promtool(['check', 'metrics'], await servedPage());
    // The names of Node's own metrics are those of prom-client.
    const ours = stderr.split('\n').filter((line) => line.startsWith('cellstep_'));
    expect([error, ours]).toEqual([undefined, []]);
  });
});
