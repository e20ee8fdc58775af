import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import project from '../../package.json' with { type: 'json' };
import { onnxProject } from '../../scripts/onnx-image.ts';
import { licenceTable, lockedPackages, productionPackages } from '../../scripts/write-dependencies.ts';

const read = (file: string) => readFileSync(join(import.meta.dirname, '..', '..', file), 'utf8');
const page = read('docs/dependencies.md');

/** Licences that oblige to nothing but naming the authors. */
const PERMITTED = /^(MIT|ISC|Apache-2\.0|BSD-[23]-Clause|BlueOak-1\.0\.0|0BSD)$/;
/** Read and found to be as free as those: NIST's for h5wasm, with that of HDF5. */
const READ_BY_HAND = new Set(['node_modules/h5wasm']);

interface LockedOnnx {
  readonly integrity: string;
  readonly license: string;
  readonly dependencies: object;
}

describe('docs/dependencies.md', () => {
  it('says of each production dependency why it is there, and of no other', () => {
    const rows = [...page.matchAll(/^\| `([^`]+)` \| (.+) \| (.+) \|$/gm)];
    expect(rows.map(([, name]) => name)).toEqual(Object.keys(project.dependencies));
    for (const [, name, use, reason] of rows) expect(Math.min(use.length, reason.length), name).toBeGreaterThan(10);
  });

  it('lists the licences of all that production installs; `npm run dependencies` writes them', () => {
    expect(page.endsWith(`\n${licenceTable()}\n`)).toBe(true);
  });
});

describe('the packages', () => {
  it('are pinned to one version, each with its checksum', () => {
    const versions = { ...project.dependencies, ...project.devDependencies };
    for (const [name, version] of Object.entries(versions)) expect(version, name).toMatch(/^\d+\.\d+\.\d+(-[\w.]+)?$/);
    const unchecked = lockedPackages().filter(
      ([, { integrity }]) => !/^sha512-[A-Za-z0-9+/]{86}==$/.test(integrity ?? ''),
    );
    expect(unchecked.map(([path]) => path)).toEqual([]);
  });

  it('of production have licences that this project can be shipped with', () => {
    const others = productionPackages().filter(
      ([path, { license = '' }]) => !PERMITTED.test(license) && !READ_BY_HAND.has(path),
    );
    expect(others).toEqual([]);
  });

  it('of the image with ONNX Runtime are locked with their checksums, and no others', () => {
    const { manifest, lock } = onnxProject();
    const { '': own, ...locked } = lock.packages;
    expect(own).toBe(manifest);
    expect(manifest.dependencies['onnxruntime-node']).toBe(project.peerDependencies['onnxruntime-node']);
    expect(Object.keys(locked)).toEqual(['node_modules/onnxruntime-node', 'node_modules/onnxruntime-common']);
    for (const { integrity, license, dependencies } of Object.values<LockedOnnx>(locked)) {
      expect(integrity).toMatch(/^sha512-[A-Za-z0-9+/]{86}==$/);
      expect(license).toMatch(PERMITTED);
      for (const needed of Object.keys(dependencies)) expect(locked).toHaveProperty([`node_modules/${needed}`]);
    }
  });

  it('of production run no script when they are installed', () => {
    const allowed = Object.entries(project.allowScripts).flatMap(([name, allows]) => (allows ? [name] : []));
    const production = productionPackages().map(([path]) => path.slice(path.lastIndexOf('node_modules/') + 13));
    expect(allowed.filter((name) => production.includes(name))).toEqual([]);
    const installs = read('Dockerfile').match(/npm (ci|install)[^;&\n]*/g) ?? [];
    expect(installs.length).toBeGreaterThan(0);
    for (const command of installs) expect(command).toContain('--ignore-scripts');
  });
});

it('the image begins with a base that its digest names, on the Node of development', () => {
  const stages = [...read('Dockerfile').matchAll(/^FROM (\S+)(?: AS (\S+))?/gm)];
  const named = stages.map(([, , name]) => name);
  // biome-ignore lint/suspicious/noTemplateCurlyInString: a variable of the Dockerfile
  expect(stages.flatMap(([, base]) => (base === '${NODE_IMAGE}' || named.includes(base) ? [] : base))).toEqual([]);
  const [, version] =
    /^ARG NODE_IMAGE=node:([\d.]+)-bookworm-slim@sha256:[0-9a-f]{64}$/m.exec(read('Dockerfile')) ?? [];
  expect(version).toBe(project.devDependencies.node);
});
