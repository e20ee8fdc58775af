import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findProgram } from '../../../scripts/programs.ts';
import { temporaryDirectory } from '../support.ts';

export const GCC = findProgram('gcc', 'cc');

/** A directory for a store, whose writes and syncs fail as failing-disk.c says. */
export class FailingDisk {
  readonly directory: string;
  /** Of a service that has its store there. */
  readonly settings: Readonly<Record<string, string>>;
  private readonly control: string;
  private fault = '';

  constructor() {
    const base = temporaryDirectory();
    const library = join(base, 'failing-disk.so');
    const source = join(import.meta.dirname, 'failing-disk.c');
    execFileSync(GCC!, ['-shared', '-fPIC', '-O1', '-o', library, source, '-ldl'], { stdio: 'pipe' });
    this.directory = join(base, 'data');
    this.control = join(base, 'fault');
    this.settings = { CELLSTEP_STORE: `lmdb:${this.directory}`, LD_PRELOAD: library, FAILING_DISK: this.control };
    this.setFault('');
  }

  get isFaulty(): boolean {
    return this.fault !== '';
  }

  setFault(fault: string): void {
    this.fault = fault;
    writeFileSync(this.control, fault);
  }
}
