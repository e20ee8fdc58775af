import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { parseAllDocuments } from 'yaml';

/** A manifest, as it is rendered. */
// biome-ignore lint/suspicious/noExplicitAny: manifests of many shapes
export type Manifest = any;

export const DEPLOY = join(import.meta.dirname, '..', '..', 'deploy');
export const PYTHON = process.env.CELLSTEP_DEPLOY_PYTHON;

export function manifestsOf(text: string): Manifest[] {
  return parseAllDocuments(text).flatMap((document) => document.toJS() ?? []);
}

/** What the schemas of Kubernetes find wrong with manifests; empty where nothing is. Kinds of others they do not know. */
export function faultsOf(manifests: readonly Manifest[]): string {
  const directory = mkdtempSync(join(tmpdir(), 'cellstep-manifests-'));
  const known = manifests.filter(({ apiVersion }) => !apiVersion.startsWith('monitoring.coreos.com/'));
  const files = known.map((manifest, n) => {
    const file = join(directory, `${n}-${manifest.kind}.yaml`);
    writeFileSync(file, JSON.stringify(manifest));
    return file;
  });
  const { status, stdout, stderr } = spawnSync(
    join(dirname(PYTHON ?? ''), 'kubernetes-validate'),
    ['--strict', ...files],
    {
      encoding: 'utf8',
      env: { ...process.env, HOME: '/nonexistent' },
    },
  );
  rmSync(directory, { recursive: true });
  return status === 0 ? '' : stdout + stderr;
}
