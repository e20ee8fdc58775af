import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { freePort } from '../../scripts/free-port.ts';
import { cleanEnvironment, startService } from '../../scripts/tutorial-service.ts';

const golden = JSON.parse(readFileSync(new URL('../golden/tutorial.json', import.meta.url), 'utf8')) as {
  stdout: string;
};

/** What Python printed, without what cellstep does not keep (scripts/tutorial.ts says why). */
function expectedLines(): string[] {
  const lines = golden.stdout.trimEnd().split('\n');
  const variables = without(lines[0], /, <Variable path=seed_generator\/seed_generator_state, .*(?=\]$)/);
  const entries = without(
    lines[lines.length - 1],
    /\('_CHECKPOINTABLE_OBJECT_GRAPH', \[\]\), \('save_counter[^)]*\), /,
  );
  return [variables, ...lines.slice(1, -1), entries];
}

function without(line: string, part: RegExp): string {
  expect(line).toMatch(part);
  return line.replace(part, '');
}

async function runTutorial(settings: Readonly<Record<string, string>>) {
  const child = spawn(process.execPath, ['scripts/tutorial.ts'], {
    cwd: new URL('../..', import.meta.url),
    env: { ...cleanEnvironment(), ...settings },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const printed = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (chunk: string) => {
      printed[name] += chunk;
    });
  }
  const [code] = await once(child, 'close');
  return { code, lines: printed.stdout.split('\n'), stderr: printed.stderr };
}

test('prints what the tutorial prints in Python, over a restart of its own service', async () => {
  const { code, lines, stderr } = await runTutorial({});
  expect(stderr).toBe('');
  expect(lines).toEqual([...expectedLines(), '']);
  expect(code).toBe(0);
});

test('prints the same on a running service with keys, and leaves nothing behind', async () => {
  const key = 'a-key-of-the-tutorial';
  const service = await startService({ CELLSTEP_STORE: 'memory:', CELLSTEP_API_KEYS: key });
  try {
    const settings = { CELLSTEP_URL: service.url, CELLSTEP_API_KEYS: key };
    const first = await runTutorial(settings);
    expect(first.lines).toEqual([...expectedLines(), '']);
    for (const kind of ['cells', 'variables', 'checkpoints']) {
      const list = await fetch(`${service.url}/v1/${kind}`, { headers: { authorization: `Bearer ${key}` } });
      expect(await list.json()).toEqual({ items: [], next_cursor: null });
    }
    // As in one Python process, the names of unnamed cells count on.
    const second = await runTutorial(settings);
    expect(second.lines[1]).toBe(expectedLines()[1].replace("'simple_rnn_cell'", "'simple_rnn_cell_2'"));
  } finally {
    await service.stop();
  }
});

test('says what is wrong, and fails, without a service', async () => {
  const { code, lines, stderr } = await runTutorial({ CELLSTEP_URL: `http://127.0.0.1:${await freePort()}` });
  expect(code).toBe(1);
  expect(lines).toEqual(['']);
  expect(stderr).toMatch(/^tutorial: .*ECONNREFUSED.*\n$/);
});
