import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { keysCommand } from '../../src/cli/keys.ts';
import { TestClock } from './app.ts';

/** A file of keys for a test. */
export class TestKeys {
  private readonly directory = mkdtempSync(join(tmpdir(), 'cellstep-keys-'));
  readonly file = join(this.directory, 'keys.json');

  /** Makes a key: a name and options of `cellstep keys create`. */
  make(line: string): string {
    const said = keysCommand(['create', ...line.split(' ')], { CELLSTEP_KEYS_FILE: this.file }, new TestClock().now);
    if (said.stdout === undefined) throw new Error(said.stderr);
    return said.stdout;
  }

  revoke(name: string): void {
    const { code, stderr } = keysCommand(['revoke', name], { CELLSTEP_KEYS_FILE: this.file }, new TestClock().now);
    if (code !== 0) throw new Error(stderr);
  }

  remove(): void {
    rmSync(this.directory, { recursive: true });
  }
}
