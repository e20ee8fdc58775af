import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it, onTestFinished } from 'vitest';
import { startService } from '../../../scripts/tutorial-service.ts';
import { accumulator } from '../../support/onnx-models.ts';

/** A Python that has what clients/python/requirements-test.txt lists. */
const PYTHON = process.env.CELLSTEP_CLIENT_PYTHON;
const run = promisify(execFile);
const where = { cwd: 'clients/python' };

describe.skipIf(!PYTHON)('the Python client (skipped without CELLSTEP_CLIENT_PYTHON)', () => {
  const python = `${PYTHON}`;

  it('passes its tests against a service', async () => {
    const { url, stop } = await startService({ CELLSTEP_STORE: 'memory:' });
    onTestFinished(async () => void (await stop('SIGKILL')));
    const folder = mkdtempSync(join(tmpdir(), 'cellstep-graph-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const graph = join(folder, 'accumulator.onnx');
    writeFileSync(graph, accumulator());
    const env = {
      ...process.env,
      CELLSTEP: url,
      CELLSTEP_GRAPH: graph,
      PYTHONPATH: 'src',
      PYTHONDONTWRITEBYTECODE: '1',
    };
    const { stdout } = await run(python, ['-m', 'pytest', '-q', '-p', 'no:cacheprovider', 'tests'], { ...where, env });
    expect(stdout).toMatch(/\d+ passed/);
    expect(stdout).not.toMatch(/failed|skipped/);
  });

  it.each([
    ['types', ['-m', 'pyright', '--pythonpath', python]],
    ['rules', ['-m', 'ruff', 'check', '--no-cache', '.']],
    ['format', ['-m', 'ruff', 'format', '--no-cache', '--check', '.']],
  ])('keeps to its %s', async (_, words) => {
    const failure = await run(python, words, where).then(
      () => undefined,
      ({ stdout, stderr }: { stdout: string; stderr: string }) => `${stdout}${stderr}`,
    );
    expect(failure).toBeUndefined();
  });
});
