import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ServiceProcess, startService } from '../scripts/tutorial-service.ts';
import { createApp } from '../src/app.ts';
import { readConfig, VARIABLES } from '../src/config.ts';
import { openMemoryStore } from '../src/store/memory.ts';
import { callsOf, comparable, patternOf, rowsOf, section } from './readme-blocks.ts';

/** The version of curl, or why the README's calls cannot be run here. */
function curlVersion(): { version: string } | { missing: string } {
  try {
    const [, major, minor] = /^curl (\d+)\.(\d+)/.exec(execFileSync('curl', ['--version'], { encoding: 'utf8' })) ?? [];
    if (Number(major) * 100 + Number(minor) >= 784) return { version: `${major}.${minor}` };
    return { missing: `curl is ${major}.${minor}, and the README needs 7.84` };
  } catch {
    return { missing: 'there is no curl' };
  }
}

const curl = curlVersion();
const calls = callsOf(section('Tutorial'));

async function bash(command: string, cwd: string, env: Record<string, string>): Promise<string> {
  const child = spawn('bash', ['-c', command], {
    cwd,
    // A .curlrc or a proxy of the machine is not part of the README.
    env: { PATH: process.env.PATH, HOME: '/nonexistent', ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
  });
  const [code] = await once(child, 'close');
  if (code !== 0) throw new Error(`exit code ${code} of: ${command}`);
  return text;
}

if ('missing' in curl) {
  // Said as a test's name, so that it stands in every report. A CI machine has to have curl.
  test(`the tutorial's ${calls.length} calls are NOT CHECKED, because ${curl.missing}`, () => {
    expect(process.env.CI).toBeUndefined();
  });
} else {
  describe('the tutorial of the README', () => {
    const directory = mkdtempSync(join(tmpdir(), 'cellstep-readme-'));
    // The file that a call sends is named as seen from the repository.
    const file = 'golden/networks/char_lm.keras';
    cpSync(join(import.meta.dirname, file), join(directory, 'test', file));
    const start = () => startService({ CELLSTEP_STORE: `lmdb:${join(directory, 'data')}` });
    let service: ServiceProcess;
    let restarts = 0;

    beforeAll(async () => {
      service = await start();
    });
    afterAll(async () => {
      await service.stop();
      rmSync(directory, { recursive: true, force: true });
    });

    test('sets the address of a service that has its defaults', () => {
      const { host, port } = readConfig({});
      expect(calls[0].command).toBe(`export CELLSTEP=http://${host}:${port}`);
    });

    test.each(calls.slice(1))('$command', async ({ command, language, answer }) => {
      if (command === 'npm start') {
        expect(await service.stop('SIGINT')).toEqual({ code: 0, signal: null });
        service = await start();
        restarts++;
        return;
      }
      if (answer === undefined || language === undefined) throw new Error('the README shows no answer');
      const given = comparable(await bash(command, directory, { CELLSTEP: service.url }), language);
      const shown = comparable(answer, language);
      // Where nothing varies, a difference of texts says more than a pattern.
      if (shown.includes('…')) expect(given).toMatch(patternOf(shown));
      else expect(given).toBe(shown);
    });

    test('goes over a restart', () => {
      expect(restarts).toBe(1);
      expect(calls.length).toBeGreaterThan(25);
    });
  });
}

test('the table of the configuration has every variable with its default', () => {
  const rows = rowsOf(section('Configuration'));
  expect(rows.map(([name]) => name)).toEqual(VARIABLES);
  for (const [name, value] of rows) {
    const configured = readConfig({ [name]: value === 'none' ? '' : value });
    expect(configured, name).toEqual(readConfig({}));
  }
  expect(rows.every(([, , meaning]) => meaning.length > 0)).toBe(true);
});

test('the table of the routes has every route', async () => {
  const { limits, apiKeys } = readConfig({});
  const app = await createApp({ store: openMemoryStore(), config: { limits, apiKeys } });
  const { paths } = (await app.inject('/openapi.json')).json() as { paths: Record<string, object> };
  const documented = Object.entries(paths).flatMap(([path, item]) =>
    Object.keys(item)
      .filter((method) => ['get', 'put', 'post', 'delete', 'patch'].includes(method))
      .map((method) => `${method.toUpperCase()} ${path}`),
  );
  const listed = rowsOf(section('Routes')).flatMap(([methods, path]) =>
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
