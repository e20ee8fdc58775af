import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { parse } from 'yaml';
import { startService } from '../../../scripts/tutorial-service.ts';
import type { RunOptions } from '../run-options.ts';

const DOCUMENT = join(import.meta.dirname, '..', '..', '..', 'openapi.yaml');
const SETTINGS = join(import.meta.dirname, 'schemathesis.toml');
const KEY = 'the-key-of-the-torture';
/** What must hold of each reply: ignored_auth sends a request again without its key, and with a wrong one. */
const CHECKS = [
  'not_a_server_error',
  'status_code_conformance',
  'content_type_conformance',
  'response_headers_conformance',
  'ignored_auth',
  'use_after_free',
];

/**
 * Calls every operation of the OpenAPI document as it says and as it does not, and goes from reply to request along the
 * links. `size` counts calls. Needs the Python with the packages of requirements.txt in CELLSTEP_SCHEMATHESIS_PYTHON.
 * @throws {Error} with what schemathesis found
 */
export async function contract({ seed, size, bounded, progress }: RunOptions & { readonly bounded?: boolean }) {
  const python = process.env.CELLSTEP_SCHEMATHESIS_PYTHON;
  if (!python) throw new Error('CELLSTEP_SCHEMATHESIS_PYTHON names no Python that has schemathesis.');
  const { paths } = parse(readFileSync(DOCUMENT, 'utf8')) as { paths: Record<string, object> };
  const operations = Object.values(paths).flatMap((methods) => Object.keys(methods)).length;
  const service = await startService({ CELLSTEP_STORE: 'memory:', CELLSTEP_API_KEYS: KEY });
  const folder = mkdtempSync(join(tmpdir(), 'cellstep-contract-'));
  try {
    const phases = bounded ? 'examples,fuzzing,stateful' : 'examples,coverage,fuzzing,stateful';
    const args = ['--config-file', SETTINGS, 'run', DOCUMENT, '--url', service.url, '--seed', `${seed}`];
    // On a machine that is busy with other work an answer may take long.
    args.push('--request-timeout', '60');
    args.push('--header', `Authorization: Bearer ${KEY}`, '--checks', CHECKS.join(','), '--phases', phases);
    args.push(
      '--max-examples',
      `${Math.ceil(size / operations)}`,
      '--warnings',
      'off',
      '--suppress-health-check',
      'all',
    );
    const child = spawn(join(dirname(python), 'schemathesis'), args, {
      cwd: folder,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let said = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        said += text;
        for (const line of text.split('\n')) if (/ (passed|failed|error)/.test(line)) progress?.(line.trim());
      });
    }
    const [code] = await once(child, 'close');
    if (code !== 0) throw new Error(said.slice(-20_000));
    const [, cases = '0'] = /(\d+) generated/.exec(said) ?? [];
    if (Number(cases) < size) throw new Error(`Only ${cases} calls were made.`);
    const health = await fetch(`${service.url}/healthz`);
    if (health.status !== 200) throw new Error(service.stdout().slice(-5_000));
    return { calls: Number(cases), operations };
  } finally {
    await service.stop('SIGKILL');
    rmSync(folder, { recursive: true });
  }
}
