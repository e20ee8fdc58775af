import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { findProgram } from '../../scripts/programs.ts';
import { readConfig, VARIABLES } from '../../src/config.ts';
import { planMemory } from '../../src/memory-need.ts';
import { DEPLOY, faultsOf, type Manifest, manifestsOf, PYTHON } from './render.ts';

const CHART = join(DEPLOY, 'helm', 'cellstep');
const HELM = findProgram('helm');
if (!HELM) console.warn('no helm in PATH: the chart is NOT rendered');

const KEYS = { 'keys.existingSecret': 'cellstep-keys' };
const REDIS = { 'store.kind': 'redis', 'store.redis.existingSecret': 'cellstep' };
const MONITORING = {
  'monitoring.serviceMonitor.enabled': 'true',
  'monitoring.serviceMonitor.keySecret': 'cellstep-metrics',
  'monitoring.rules': 'true',
  'monitoring.dashboard': 'true',
};

function helm(verb: 'lint' | 'template', values: Readonly<Record<string, string>>) {
  const set = Object.entries(values).flatMap(([name, value]) => ['--set', `${name}=${value}`]);
  const args = verb === 'lint' ? ['lint', '--strict', CHART] : ['template', 'mine', CHART];
  return spawnSync(HELM ?? '', [...args, ...set], { encoding: 'utf8' });
}

function render(values: Readonly<Record<string, string>>): Manifest[] {
  const { status, stdout, stderr } = helm('template', values);
  expect(status, stderr).toBe(0);
  return manifestsOf(stdout);
}

/** The environment of the service, the values of secrets as `secret`. */
function environmentOf(manifests: readonly Manifest[]): Record<string, string> {
  const { data } = manifests.find(({ kind, data }) => kind === 'ConfigMap' && data.CELLSTEP_SHUTDOWN_SECONDS);
  const [container] = workloadOf(manifests).spec.template.spec.containers;
  const secrets = (container.env ?? []).map(({ name }: { name: string }) => [
    name,
    name === 'CELLSTEP_STORE' ? 'rediss://valkey.example' : 'k'.repeat(16),
  ]);
  return { ...data, ...Object.fromEntries(secrets), CELLSTEP_HOST: '0.0.0.0' };
}

const workloadOf = (manifests: readonly Manifest[]): Manifest =>
  manifests.find(({ kind }) => kind === 'StatefulSet' || kind === 'Deployment');

/** The ports that pods may reach, DNS left out. */
function portsOf(manifests: readonly Manifest[]): number[] {
  const { egress } = manifests.find(({ kind }) => kind === 'NetworkPolicy').spec;
  return egress.flatMap(({ ports }: Manifest) => ports.map(({ port }: { port: number }) => port)).slice(2);
}

const cases: Record<string, Record<string, string>> = {
  'a pod with LMDB on a volume': KEYS,
  'replicas over Redis, with an autoscaler': { ...KEYS, ...REDIS, 'autoscaling.enabled': 'true' },
  'keys of the environment, TLS, and monitoring': {
    ...REDIS,
    ...MONITORING,
    'keys.apiKeysSecret': 'cellstep-api-keys',
    'tls.existingSecret': 'cellstep-tls',
    'store.redis.wait': '1',
  },
  'tokens of an issuer, traces, another image and size': {
    'oidc.issuer': 'https://login.example',
    'oidc.audience': 'cellstep',
    'oidc.tenantClaim': 'org',
    'image.digest': `sha256:${'0'.repeat(64)}`,
    memory: '4Gi',
    'env.OTEL_EXPORTER_OTLP_ENDPOINT': 'http://collector.observability:4318',
    'env.CELLSTEP_QUOTA_SESSIONS': '1000',
  },
};

describe.runIf(HELM || process.env.CELLSTEP_CI === '1')('the chart', () => {
  it.each(Object.entries(cases))('has no fault for %s, and settings that the service takes', (_name, values) => {
    expect(helm('lint', values).stdout).toContain('0 chart(s) failed');
    const manifests = render(values);
    if (PYTHON) expect(faultsOf(manifests)).toBe('');
    const environment = environmentOf(manifests);
    const unknown = Object.keys(environment).filter((name) => !VARIABLES.includes(name) && !name.startsWith('OTEL_'));
    expect(unknown).toEqual([]);
    const { spec } = workloadOf(manifests).spec.template;
    const [container] = spec.containers;
    // Its limits fit its memory.
    const [, size, unit] = /^(\d+)(Mi|Gi)$/.exec(container.resources.limits.memory) ?? [];
    const bytes = Number(size) * (unit === 'Gi' ? 2 ** 30 : 2 ** 20);
    expect(planMemory(readConfig(environment), bytes, false).refusal).toBeUndefined();
    // It has the time to end that it takes.
    const pause = Number(/\}, (\d+)_000\)/.exec(container.lifecycle.preStop.exec.command.join(' '))?.[1]);
    const needed = pause + Number(environment.CELLSTEP_SHUTDOWN_SECONDS) + 5;
    expect(spec.terminationGracePeriodSeconds).toBeGreaterThanOrEqual(needed);
    for (const probe of ['startupProbe', 'livenessProbe', 'readinessProbe']) {
      expect(container[probe].httpGet.scheme).toBe(values['tls.existingSecret'] ? 'HTTPS' : 'HTTP');
    }
    const mounted = (container.volumeMounts ?? []).map(({ name }: { name: string }) => name);
    const volumes = [...(spec.volumes ?? []), ...(workloadOf(manifests).spec.volumeClaimTemplates ?? [])];
    expect(mounted.toSorted()).toEqual(volumes.map((one) => one.name ?? one.metadata.name).toSorted());
  });

  it('ships the rules and the dashboard that are tested', () => {
    const manifests = render(cases['keys of the environment, TLS, and monitoring']);
    const rules = manifests.find(({ kind }) => kind === 'PrometheusRule').spec;
    expect([rules]).toEqual(manifestsOf(readFileSync(join(DEPLOY, 'monitoring', 'rules.yaml'), 'utf8')));
    const dashboard = manifests.find(({ data }) => data?.['cellstep.json']).data['cellstep.json'];
    expect(dashboard).toBe(readFileSync(join(DEPLOY, 'monitoring', 'dashboard.json'), 'utf8').trimEnd());
    expect(manifests.find(({ kind }) => kind === 'ServiceMonitor').spec.endpoints[0]).toMatchObject({
      path: '/metrics',
      scheme: 'https',
      authorization: { credentials: { name: 'cellstep-metrics', key: 'key' } },
    });
  });

  it.each([
    ['nothing but DNS with LMDB', {}, []],
    ['Redis', REDIS, [6379]],
    ['the issuer of tokens', { 'oidc.issuer': 'https://login.example:8443/realm', 'oidc.audience': 'a' }, [8443]],
    ['the keys of the issuer', { 'env.CELLSTEP_OIDC_JWKS_URL': 'https://keys.example/jwks' }, [443]],
    ['a collector', { 'env.OTEL_EXPORTER_OTLP_ENDPOINT': 'http://collector.traces:4318/' }, [4318]],
    [
      'a collector of traces alone',
      { 'env.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT': 'http://[fd00::1]:4320/v1/traces' },
      [4320],
    ],
    [
      'the collector of traces where there is another',
      {
        'env.OTEL_EXPORTER_OTLP_ENDPOINT': 'http://others:4318',
        'env.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT': 'https://collector.example/v1/traces',
      },
      [443],
    ],
    ['a collector at the port of HTTP', { 'env.OTEL_EXPORTER_OTLP_ENDPOINT': 'http://collector.traces' }, [80]],
    [
      'a collector over gRPC',
      {
        'env.OTEL_EXPORTER_OTLP_ENDPOINT': 'http://collector.traces',
        'env.OTEL_EXPORTER_OTLP_PROTOCOL': 'grpc',
      },
      [443],
    ],
    ['Zipkin', { 'env.OTEL_EXPORTER_ZIPKIN_ENDPOINT': 'http://zipkin.traces:9411/api/v2/spans' }, [9411]],
    ['other ports that are set', { ...REDIS, 'networkPolicy.egressPorts': '{6380,6379}' }, [6379, 6380]],
  ])('lets pods reach %s', (_what, values, ports) => {
    expect(portsOf(render({ ...KEYS, ...values }))).toEqual(ports);
  });

  it.each([
    ['nobody may call', {}, /Nobody may call/],
    ['Redis has no URL', { ...KEYS, 'store.kind': 'redis' }, /existingSecret is empty/],
    ['LMDB is to have several pods', { ...KEYS, 'autoscaling.enabled': 'true' }, /needs store.kind redis/],
    [
      'Prometheus has no key',
      { ...KEYS, 'monitoring.serviceMonitor.enabled': 'true' },
      /needs a key of the scope admin/,
    ],
    ['a value is misspelt', { ...KEYS, 'store.size': '1Gi' }, /store/],
    ['a variable is none of the service', { ...KEYS, 'env.PATH': '/' }, /PATH/],
  ])('is refused where %s', (_why, values, message) => {
    const { status, stderr } = helm('template', values);
    expect(status).not.toBe(0);
    expect(stderr).toMatch(message);
  });
});

it('the chart has the version of the service', () => {
  const [chart] = manifestsOf(readFileSync(join(CHART, 'Chart.yaml'), 'utf8'));
  const { version } = JSON.parse(readFileSync(join(DEPLOY, '..', 'package.json'), 'utf8'));
  expect([chart.version, chart.appVersion]).toEqual([version, version]);
});
