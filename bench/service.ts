import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { freePort } from '../scripts/free-port.ts';
import { type Exit, spawnService } from '../scripts/tutorial-service.ts';

/** A service that is measured: without a log, over a store of its own. */
export interface BenchService {
  readonly url: string;
  readonly pid: number;
  /** The store's directory. */
  readonly directory: string;
  post(path: string, body: unknown): Promise<unknown>;
  /** Ends it, and its data. */
  close(): Promise<void>;
}

/** `store`: `lmdb`, in a new directory, or `memory`. `settings` as in docs/configuration.md. */
export async function serve(
  store: 'lmdb' | 'memory',
  settings: Readonly<Record<string, string>> = {},
): Promise<BenchService> {
  const directory = mkdtempSync(join(process.env.CELLSTEP_BENCH_DATA ?? tmpdir(), 'cellstep-bench-'));
  const port = await freePort();
  const service = spawnService({
    CELLSTEP_STORE: store === 'lmdb' ? `lmdb:${directory}` : 'memory:',
    // What a log costs is its reader's, here this process.
    CELLSTEP_LOG_LEVEL: 'silent',
    CELLSTEP_PORT: `${port}`,
    ...settings,
  });
  const url = `http://127.0.0.1:${port}`;
  await answering(url, service.exited);
  // All of several workers.
  await delay(settings.CELLSTEP_WORKERS ? 2_000 : 0);
  return {
    url,
    pid: service.child.pid ?? 0,
    directory,
    async post(path, body) {
      const response = await fetch(url + path, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      });
      const text = await response.text();
      if (!response.ok) throw new Error(`${path}: ${response.status} ${text.slice(0, 500)}`);
      return JSON.parse(text);
    },
    async close() {
      await service.stop();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

async function answering(url: string, exited: Promise<Exit>): Promise<void> {
  let ended = false;
  exited.then(() => {
    ended = true;
  });
  while (
    !(await fetch(`${url}/readyz`).then(
      ({ ok }) => ok,
      () => false,
    ))
  ) {
    if (ended) throw new Error('the service ended before it answered');
    await delay(20);
  }
}
