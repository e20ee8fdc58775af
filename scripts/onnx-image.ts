import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * For the image with ONNX Runtime (Dockerfile): `lock <directory>` writes a project there that has the runtime alone, with the
 * versions and checksums of this project's lock; `sbom <file> <its>` adds what a bill of materials lists to another one.
 */
const root = join(import.meta.dirname, '..');
/** What is loaded. Its install script needs more, and does not run. */
const PACKAGES = ['onnxruntime-node', 'onnxruntime-common'];

interface Bill {
  readonly components: readonly object[];
  readonly dependencies: readonly object[];
}

const readJson = (file: string) => JSON.parse(readFileSync(file, 'utf8'));
const writeJson = (file: string, value: object) => writeFileSync(file, `${JSON.stringify(value, null, 2)}\n`);

/** The package.json and the package-lock.json of that project. */
export function onnxProject() {
  const { packages, lockfileVersion } = readJson(join(root, 'package-lock.json'));
  const entries = PACKAGES.map((name) => {
    const { dev: _, dependencies = {}, ...entry } = packages[`node_modules/${name}`];
    const own = Object.entries(dependencies).filter(([needed]) => PACKAGES.includes(needed));
    return [name, { ...entry, dependencies: Object.fromEntries(own) }] as const;
  });
  const manifest = {
    name: 'cellstep-onnx',
    version: '0.0.0',
    dependencies: Object.fromEntries(entries.map(([name, { version }]) => [name, version])),
  };
  const locked = Object.fromEntries(entries.map(([name, entry]) => [`node_modules/${name}`, entry]));
  return { manifest, lock: { ...manifest, lockfileVersion, requires: true, packages: { '': manifest, ...locked } } };
}

if (process.argv[1] === import.meta.filename) {
  const [, , what, first, second] = process.argv;
  if (what === 'lock') {
    const { manifest, lock } = onnxProject();
    writeJson(join(first, 'package.json'), manifest);
    writeJson(join(first, 'package-lock.json'), lock);
  } else {
    const bill: Bill = readJson(first);
    const { components, dependencies }: Bill = readJson(second);
    writeJson(first, {
      ...bill,
      components: [...bill.components, ...components],
      dependencies: [...bill.dependencies, ...dependencies],
    });
  }
}
