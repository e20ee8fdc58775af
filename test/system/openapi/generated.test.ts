import { execFileSync, spawnSync } from 'node:child_process';
import { appendFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

const root = new URL('../../../', import.meta.url);

describe('openapi.yaml', () => {
  it('is found stale by write-openapi.ts --check as soon as a byte of it differs', () => {
    const directory = mkdtempSync(join(tmpdir(), 'openapi-'));
    const file = join(directory, 'openapi.yaml');
    const run = (...flags: string[]) =>
      spawnSync(process.execPath, ['scripts/write-openapi.ts', ...flags, file], { cwd: root, encoding: 'utf8' });
    expect(run('--check').status).toBe(1);
    expect(run().status).toBe(0);
    expect(run('--check')).toMatchObject({ status: 0, stderr: '' });
    appendFileSync(file, '#');
    expect(run('--check')).toMatchObject({ status: 1, stderr: expect.stringContaining('npm run openapi') });
    rmSync(directory, { recursive: true });
  });

  it("has nothing that Redocly's strict rules, which know OpenAPI 3.1, would change", () => {
    const env = { ...process.env, REDOCLY_SUPPRESS_UPDATE_NOTICE: 'true', REDOCLY_TELEMETRY: 'off' };
    const cli = 'node_modules/@redocly/cli/bin/cli.js';
    const report = execFileSync(process.execPath, [cli, 'lint', 'openapi.yaml', '--format', 'json'], {
      cwd: root,
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    expect(JSON.parse(report.toString())).toMatchObject({
      totals: { errors: 0, warnings: 0, ignored: 0 },
      problems: [],
    });
  });
});
