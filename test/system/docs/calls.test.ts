import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ServiceProcess, startService } from '../../../scripts/tutorial-service.ts';
import { type Call, callsOf, comparable, pageOf, patternOf } from '../../docs/blocks.ts';

/** Pages whose blocks a reader runs from the top to the end, against a fresh service, with the Python that each needs. */
const PAGES = [
  ['README.md', 'CELLSTEP_CLIENT_PYTHON'],
  ['docs/tutorial.md', undefined],
  ['docs/streams.md', undefined],
  ['docs/inference-protocol.md', 'CELLSTEP_TRITON_PYTHON'],
] as const;
/** The gate has these for itself: `.ci/run` starts a clean copy, and test/container builds the image. */
const ELSEWHERE = /^(npm ci|docker) /;
const DEFAULT_ADDRESS = /(http:\/\/)?(127\.0\.0\.1|localhost):8080/g;
/** Files that calls send, named as seen from the repository. */
const FILES = ['test/golden/networks/char_lm.keras', 'test/golden/pytorch_modules/lstm.pt'];

/** The version of curl, or why the calls cannot be run here. */
function curlVersion(): { version: string } | { missing: string } {
  try {
    const [, major, minor] = /^curl (\d+)\.(\d+)/.exec(execFileSync('curl', ['--version'], { encoding: 'utf8' })) ?? [];
    if (Number(major) * 100 + Number(minor) >= 784) return { version: `${major}.${minor}` };
    return { missing: `curl is ${major}.${minor}, and the calls need 7.84` };
  } catch {
    return { missing: 'there is no curl' };
  }
}

interface Command {
  readonly file: string;
  readonly words: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
}

async function outputOf({ file, words, cwd, env }: Command): Promise<string> {
  const child = spawn(file, words, {
    cwd,
    // A .curlrc or a proxy of the machine is not part of a page.
    env: { PATH: process.env.PATH, HOME: '/nonexistent', ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
  });
  const [code] = await once(child, 'close');
  if (code !== 0) throw new Error(`exit code ${code} of: ${words.join(' ')}`);
  return text;
}

function expectAnswer(given: string, { language, answer }: Call): void {
  if (answer === undefined || language === undefined) throw new Error('the page shows no answer');
  const shown = comparable(answer, language);
  // Where nothing varies, a difference of texts says more than a pattern.
  if (shown.includes('…')) expect(comparable(given, language)).toMatch(patternOf(shown));
  else expect(comparable(given, language)).toBe(shown);
}

const curl = curlVersion();
if ('missing' in curl) {
  // Said as a test's name, so that it stands in every report. A CI machine has to have curl.
  test(`the calls of ${PAGES.map(([path]) => path).join(', ')} are NOT CHECKED, because ${curl.missing}`, () => {
    expect(process.env.CI).toBeUndefined();
  });
} else {
  describe.each(PAGES)('%s', (path, pythonVariable) => {
    const page = pageOf(path);
    const calls = callsOf(page, 'sh').filter(({ command }) => !ELSEWHERE.test(command));
    const directory = mkdtempSync(join(tmpdir(), 'cellstep-page-'));
    const start = () => startService({ CELLSTEP_STORE: `lmdb:${join(directory, 'data')}` });
    let service: ServiceProcess;

    beforeAll(async () => {
      for (const file of FILES) cpSync(file, join(directory, file));
      service = await start();
    });
    afterAll(async () => {
      await service.stop();
      rmSync(directory, { recursive: true, force: true });
    });
    /** A command with the address of this service in place of the one that a service has by itself. */
    const here = (command: string) =>
      command.replaceAll(DEFAULT_ADDRESS, (_, scheme = '') => `${scheme}${new URL(service.url).host}`);

    test('has calls', () => expect(calls.length).toBeGreaterThan(1));

    test.each(calls)('$command', async (call) => {
      if (call.command.startsWith('export CELLSTEP=')) {
        expect(call.command).toBe('export CELLSTEP=http://127.0.0.1:8080');
      } else if (call.command === 'npm start') {
        expect(await service.stop('SIGINT')).toEqual({ code: 0, signal: null });
        service = await start();
      } else {
        const words = ['-c', here(call.command)];
        const env = { CELLSTEP: service.url };
        expectAnswer(await outputOf({ file: 'bash', words, cwd: directory, env }), call);
      }
    });

    const snippets = callsOf(page, 'python');
    const python = pythonVariable && process.env[pythonVariable];
    if (pythonVariable === undefined) {
      test('has no Python', () => expect(snippets).toEqual([]));
    } else if (!python) {
      test(`its ${snippets.length} blocks of Python are NOT CHECKED, because ${pythonVariable} is not set`, () => {
        expect(process.env.CELLSTEP_CI).not.toBe('1');
      });
    } else {
      // After the calls, since later blocks of Python use the names of earlier ones.
      test(`its ${snippets.length} blocks of Python print what is shown`, async () => {
        const script = here(snippets.map(({ command }) => command).join("\nprint('\\x1e', end='')\n"));
        const env = { PYTHONPATH: resolve('clients/python/src'), PYTHONDONTWRITEBYTECODE: '1' };
        const printed = (await outputOf({ file: python, words: ['-c', script], cwd: directory, env })).split('\x1e');
        for (const [i, snippet] of snippets.entries()) expectAnswer(printed[i], snippet);
      });
    }
  });
}
