import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { badges, svg } from '../../scripts/write-badges.ts';
import { createApp } from '../../src/app.ts';
import { readConfig, VARIABLES } from '../../src/config.ts';
import { openMemoryStore } from '../../src/store/memory.ts';
import { pageOf, rowsOf } from './blocks.ts';

async function startedApp(threads = 0) {
  const { limits, apiKeys } = readConfig({});
  return createApp({ store: openMemoryStore(), config: { limits, apiKeys, threads } });
}

describe('docs/configuration.md', () => {
  it('has every variable with its default', () => {
    const rows = rowsOf(pageOf('docs/configuration.md'));
    expect(rows.map(([name]) => name)).toEqual(VARIABLES);
    for (const [name, value] of rows) {
      const configured = readConfig({ [name]: value === 'none' ? '' : value });
      expect(configured, name).toEqual(readConfig({}));
    }
    expect(rows.every(([, , meaning]) => meaning.length > 0)).toBe(true);
  });
});

describe('docs/routes.md', () => {
  it('has every route', async () => {
    const app = await startedApp();
    const { paths } = (await app.inject('/openapi.json')).json() as { paths: Record<string, object> };
    const documented = Object.entries(paths).flatMap(([path, item]) =>
      Object.keys(item)
        .filter((method) => ['get', 'put', 'post', 'delete', 'patch'].includes(method))
        .map((method) => `${method.toUpperCase()} ${path}`),
    );
    const listed = rowsOf(pageOf('docs/routes.md')).flatMap(([methods, path]) =>
      methods.split(', ').map((one) => `${one} ${path}`),
    );
    // Pages are not part of the API's description, but they are there.
    const pages = listed.filter((route) => !documented.includes(route));
    expect(listed.filter((route) => !pages.includes(route)).toSorted()).toEqual(documented.toSorted());
    for (const page of pages) {
      const [method, url] = page.split(' ');
      const { statusCode } = await app.inject({ method: method as 'GET', url });
      expect(statusCode, page).toBeLessThan(400);
    }
  });
});

describe('docs/metrics.md', () => {
  it('names the metrics that the service has', async () => {
    const app = await startedApp(1);
    onTestFinished(() => app.close());
    const { body } = await app.inject('/metrics');
    const served = [...body.matchAll(/^# TYPE (cellstep_\w+) /gm)].map(([, name]) => name);
    const listed = rowsOf(pageOf('docs/metrics.md'))
      .flatMap(([names]) => names.split(', '))
      .filter((name) => name.startsWith('cellstep_'));
    // Those of workers are there with several processes only.
    expect(listed.filter((name) => !name.startsWith('cellstep_worker_')).toSorted()).toEqual(served.toSorted());
  });
});

describe('the badges of README.md', () => {
  it.each(Object.entries(badges()))('%s says what the project does (node scripts/write-badges.ts)', (name, badge) => {
    const path = `docs/pictures/badges/${name}.svg`;
    expect(pageOf(path)).toBe(svg(badge));
    expect(pageOf('README.md')).toMatch(new RegExp(`!\\[[^\\]]*${badge[1].replace('≥ ', '')}[^\\]]*\\]\\(${path}\\)`));
  });
});

describe('the moving pictures of README.md', () => {
  it.each(['playing', 'debugging'])(
    '%s moves, and is small enough to load (node scripts/moving-pictures.ts)',
    (name) => {
      const bytes = readFileSync(`docs/pictures/${name}.png`);
      const control = bytes.indexOf('acTL');
      expect(control).toBeGreaterThan(0);
      expect(bytes.readUInt32BE(control + 4)).toBeGreaterThan(20);
      expect(bytes.length).toBeLessThan(1_500_000);
      expect(pageOf('README.md')).toContain(`](docs/pictures/${name}.png)`);
    },
  );
});

const PAGES = [
  'README.md',
  'CONTRIBUTING.md',
  'deploy/README.md',
  ...globSync('docs/**/*.md'),
  ...globSync('clients/*/README.md'),
];

describe.each(PAGES)('%s', (path) => {
  const text = pageOf(path).replace(/```.*?```/gs, '');

  it('links to files and headings that are there', () => {
    for (const [, target] of text.matchAll(/\]\((?!https?:)([^)\s]+)\)/g)) {
      const [file, heading] = target.split('#');
      const to = file ? join(dirname(path), file) : path;
      expect(existsSync(to), target).toBe(true);
      if (heading) expect(headingsOf(pageOf(to)), target).toContain(heading);
    }
  });
});

/** The headings of a page, as the fragments of their addresses. */
function headingsOf(page: string): string[] {
  return [...page.matchAll(/^#+ (.+)$/gm)].map(([, text]) =>
    text
      .toLowerCase()
      .replace(/[^\w\s-]/g, '')
      .replaceAll(' ', '-'),
  );
}
