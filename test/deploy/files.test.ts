import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { findProgram } from '../../scripts/programs.ts';
import { readConfig, VARIABLES } from '../../src/config.ts';
import { faultsOf } from './render.ts';

const DEPLOY = join(import.meta.dirname, '..', '..', 'deploy');
const KUBERNETES = join(DEPLOY, 'kubernetes');
const PYTHON = process.env.CELLSTEP_DEPLOY_PYTHON;
if (!PYTHON) console.warn('no CELLSTEP_DEPLOY_PYTHON: the schema tools do NOT check deploy/');

// biome-ignore lint/suspicious/noExplicitAny: files of many shapes
const read = (file: string): any => parse(readFileSync(join(DEPLOY, file), 'utf8'));
const compose = read('compose.yaml');
const manifests = readdirSync(KUBERNETES).filter((file) => file !== 'kustomization.yaml');
const deployment = read('kubernetes/deployment.yaml').spec;
const pod = deployment.template.spec;
const [container] = pod.containers;

describe.runIf(PYTHON)('the schema tools', () => {
  const tool = (name: string, ...args: string[]) =>
    spawnSync(join(dirname(PYTHON!), name), args, { encoding: 'utf8', env: { ...process.env, HOME: '/nonexistent' } });

  test('find the compose file valid', () => {
    const { status, stdout, stderr } = tool(
      'check-jsonschema',
      '--builtin-schema',
      'vendor.compose-spec',
      join(DEPLOY, 'compose.yaml'),
    );
    expect([status, stderr], stdout).toEqual([0, '']);
  });

  test('find every manifest valid, strictly, and would not find any', () => {
    const files = manifests.map((file) => join(KUBERNETES, file));
    const { status, stdout, stderr } = tool('kubernetes-validate', '--strict', ...files);
    expect(status, stdout + stderr).toBe(0);
    const misspelt = join(mkdtempSync(join(tmpdir(), 'cellstep-deploy-')), 'deployment.yaml');
    writeFileSync(
      misspelt,
      readFileSync(join(KUBERNETES, 'deployment.yaml'), 'utf8').replace('strategy:', 'strategies:'),
    );
    expect(tool('kubernetes-validate', '--strict', misspelt).status).not.toBe(0);
    rmSync(dirname(misspelt), { recursive: true });
  });
});

test('kustomize lists every manifest, and builds them where kubectl is there', () => {
  const { resources, images } = read('kubernetes/kustomization.yaml');
  expect(resources.toSorted()).toEqual(manifests.toSorted());
  const { version } = JSON.parse(readFileSync(join(DEPLOY, '..', 'package.json'), 'utf8'));
  expect(images).toMatchObject([{ name: container.image, newTag: version }]);
  const kubectl = findProgram('kubectl');
  if (!kubectl) return;
  const built = execFileSync(kubectl, ['kustomize', KUBERNETES], { encoding: 'utf8' });
  expect(built.match(/^kind: /gm)).toHaveLength(manifests.length);
  expect(built).toContain(`image: registry.example/cellstep:${version}`);
});

describe('the manifests for one node', () => {
  const folder = join(DEPLOY, 'kubernetes-single');
  const kubectl = findProgram('kubectl');
  const all = readdirSync(folder)
    .filter((file) => file !== 'kustomization.yaml')
    .map((file) => read(`kubernetes-single/${file}`));
  const of = (kind: string) => all.find((manifest) => manifest.kind === kind);

  test('are listed, built and valid', () => {
    const { resources } = read('kubernetes-single/kustomization.yaml');
    expect(resources).toHaveLength(all.length);
    if (PYTHON) expect(faultsOf(all)).toBe('');
    if (!kubectl) return;
    const built = execFileSync(kubectl, ['kustomize', folder], { encoding: 'utf8' });
    expect(built.match(/^kind: /gm)).toHaveLength(all.length);
  });

  test('keep the store on the volume, in one pod, with settings that the service takes', () => {
    const { template, replicas, volumeClaimTemplates } = of('StatefulSet').spec;
    const [single] = template.spec.containers;
    const config = readConfig({ ...of('ConfigMap').data, CELLSTEP_HOST: '0.0.0.0' });
    expect(replicas).toBe(1);
    expect(config.unknown).toEqual([]);
    const { mountPath } = single.volumeMounts.find(({ name }: { name: string }) => name === 'data');
    expect(volumeClaimTemplates[0].metadata.name).toBe('data');
    expect(config.store.startsWith(`lmdb:${mountPath}/`)).toBe(true);
    const keys = single.volumeMounts.find(({ name }: { name: string }) => name === 'keys');
    expect(config.keysFile?.startsWith(`${keys.mountPath}/`)).toBe(true);
    expect(template.spec.securityContext).toEqual(pod.securityContext);
    expect(template.spec.terminationGracePeriodSeconds).toBe(pod.terminationGracePeriodSeconds);
    expect(of('Service').spec.selector).toEqual(of('StatefulSet').spec.selector.matchLabels);
  });
});

test('every variable that is set exists, and its value is taken', () => {
  const fromCompose = Object.keys(compose.services.replica1.environment);
  const fromKubernetes = [
    ...Object.keys(read('kubernetes/config.yaml').data),
    ...container.env.map(({ name }: { name: string }) => name),
  ];
  for (const name of [...fromCompose, ...fromKubernetes]) expect(VARIABLES).toContain(name);
  expect(readConfig(read('kubernetes/config.yaml').data).redisWait).toBe(0);
});

test('a replica has the time to end that it takes', () => {
  const seconds = (text: string) => Number(/^(\d+)s$/.exec(text)![1]);
  const { environment, stop_grace_period: grace } = compose.services.replica1;
  expect(seconds(grace)).toBeGreaterThan(Number(environment.CELLSTEP_SHUTDOWN_SECONDS) + 5);
  const pause = Number(/\}, (\d+)_000\)/.exec(container.lifecycle.preStop.exec.command.join(' '))![1]);
  const shutdown = Number(read('kubernetes/config.yaml').data.CELLSTEP_SHUTDOWN_SECONDS);
  expect(pod.terminationGracePeriodSeconds).toBeGreaterThanOrEqual(pause + shutdown + 5);
});

test('a pod is the user of the image, on a root that is read-only, and is probed where the service answers', () => {
  expect(readFileSync(join(DEPLOY, '..', 'Dockerfile'), 'utf8')).toContain(
    `USER ${pod.securityContext.runAsUser}:${pod.securityContext.runAsGroup}`,
  );
  expect(pod.securityContext.runAsNonRoot).toBe(true);
  expect(container.securityContext).toEqual({
    allowPrivilegeEscalation: false,
    readOnlyRootFilesystem: true,
    capabilities: { drop: ['ALL'] },
  });
  expect(container.livenessProbe.httpGet.path).toBe('/healthz');
  expect(container.readinessProbe.httpGet.path).toBe('/readyz');
  for (const { selector } of [deployment, read('kubernetes/disruption-budget.yaml').spec]) {
    expect(deployment.template.metadata.labels).toEqual(selector.matchLabels);
  }
  expect(read('kubernetes/service.yaml').spec.selector).toEqual(deployment.selector.matchLabels);
});
