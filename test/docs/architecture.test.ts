import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { LAYERS } from '../../.dependency-cruiser.ts';

const PAGE = readFileSync('docs/architecture.md', 'utf8');

describe('docs/architecture.md', () => {
  it('draws the imports that the rules allow, and no others', () => {
    const names = new Map([...PAGE.matchAll(/^ {2}(\w+)\["([^"]+)"\]$/gm)].map(([, id, folder]) => [id, folder]));
    const drawn = [...PAGE.matchAll(/^ {2}(\w+) --> (.+)$/gm)].flatMap(([, from, to]) =>
      to.split(' & ').map((id) => `${names.get(from)} → ${names.get(id)}`),
    );
    const allowed = Object.entries(LAYERS).flatMap(([folder, { own }]) =>
      own.filter((to) => !/\.(ts|json)$/.test(to)).map((to) => `${folder} → ${to}`),
    );
    expect(drawn.toSorted()).toEqual(allowed.toSorted());
  });

  it('has a row for every folder that the rules name', () => {
    for (const folder of Object.keys(LAYERS)) expect(PAGE).toContain(`| \`${folder}/\` |`);
  });

  const links = [...PAGE.matchAll(/\[`(\w+)`\]\(\.\.\/([^)]+)\)/g)].map(([, name, path]) => [name, path] as const);
  it.each(links)('links to %s where it is: %s', (name, path) => {
    expect(existsSync(path), path).toBe(true);
    expect(readFileSync(path, 'utf8')).toMatch(new RegExp(`export (async )?(function\\*?|class|const) ${name}\\b`));
  });

  it('follows at least ten links', () => {
    expect(links.length).toBeGreaterThan(10);
  });

  it('links to pages that are there', () => {
    for (const [, path] of PAGE.matchAll(/\]\((?!https?:)([^)#]+)\)/g))
      expect(existsSync(join('docs', path)), path).toBe(true);
  });
});
