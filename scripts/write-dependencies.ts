import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** `node scripts/write-dependencies.ts` writes the licences of what production installs into docs/dependencies.md. */
const root = join(import.meta.dirname, '..');
const PAGE = join(root, 'docs', 'dependencies.md');
const INTRODUCTION = 'Written by `npm run dependencies`.\n';

interface LockedPackage {
  readonly version: string;
  readonly license?: string;
  readonly integrity?: string;
  readonly dev?: boolean;
  readonly devOptional?: boolean;
  readonly hasInstallScript?: boolean;
}

/** All packages of the lock file, by where they are installed. */
export function lockedPackages(): readonly (readonly [path: string, entry: LockedPackage])[] {
  const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'));
  return Object.entries<LockedPackage>(packages).filter(([path]) => path !== '');
}

/** Those that production installs; of optional ones only those that no tool of development needs. */
export function productionPackages() {
  return lockedPackages().filter(([, { dev, devOptional }]) => !dev && !devOptional);
}

/** A line for each licence, with the packages under it. */
export function licenceTable(): string {
  const names = Map.groupBy(productionPackages(), ([, { license }]) => license ?? 'unknown');
  const rows = [...names].map(([licence, packages]) => {
    const all = new Set(
      packages.map(([path]) => path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length)),
    );
    return `| ${licence} | ${[...all].toSorted().join(', ')} |`;
  });
  return ['| Licence | Packages |', '|---|---|', ...rows.toSorted()].join('\n');
}

if (process.argv[1] === import.meta.filename) {
  const page = readFileSync(PAGE, 'utf8');
  const end = page.indexOf(INTRODUCTION) + INTRODUCTION.length;
  writeFileSync(PAGE, `${page.slice(0, end)}\n${licenceTable()}\n`);
}
