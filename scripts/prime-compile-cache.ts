import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startService } from './tutorial-service.ts';

/**
 * Starts and ends the service once, as `npm ci` does after installing: what was compiled is kept (bin/cellstep.cjs), so that
 * the first `npm start` is as fast as the next ones. A service that cannot start says why when it is wanted, not here.
 */
const directory = mkdtempSync(join(tmpdir(), 'cellstep-prime-'));
try {
  const service = await startService({ CELLSTEP_STORE: `lmdb:${join(directory, 'data')}`, CELLSTEP_LOG_LEVEL: 'info' });
  await fetch(`${service.url}/readyz`);
  await service.stop();
} catch (error) {
  process.stderr.write(`cellstep: the compile cache stays empty: ${(error as Error).message.slice(0, 500)}\n`);
} finally {
  rmSync(directory, { recursive: true, force: true });
}
