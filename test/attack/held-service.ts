import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { freePort } from '../../scripts/free-port.ts';
import { cleanEnvironment } from '../../scripts/tutorial-service.ts';
import { type MemoryGroup, openMemoryGroup } from './memory-group.ts';

const ROOT = join(import.meta.dirname, '../..');
/** What `npm start` carries out. */
const { start: START } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')).scripts as { start: string };
export const MEMORY_BYTES = 2 ** 30;
/** The longest hold, and how many were over 50 ms. */
export interface Held {
  readonly longest: number;
  readonly holds: number;
}

const START_MILLISECONDS = 120_000;

/** The service as it is shipped, in LMDB, held to MEMORY_BYTES of memory. */
export class HeldService {
  /** Whether the kernel holds it; otherwise its memory is only looked at. */
  readonly group: MemoryGroup | undefined = openMemoryGroup(MEMORY_BYTES);
  private readonly directory = mkdtempSync(join(tmpdir(), 'cellstep-attack-'));
  private readonly watched = join(this.directory, 'holds.json');
  private child: ChildProcess | undefined;
  private port = 0;
  private grpcPort = 0;
  private printed = '';
  /** Lives that ended by themselves. */
  deaths = 0;

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  get grpcUrl(): string {
    return `http://127.0.0.1:${this.grpcPort}`;
  }

  get pid(): number {
    return this.child?.pid ?? 0;
  }

  get output(): string {
    return this.printed;
  }

  async start(): Promise<void> {
    this.port ||= await freePort();
    this.grpcPort ||= await freePort();
    const command = `${this.group ? `echo $$ > ${this.group.processes} && ` : ''}${START}`;
    const child = spawn('sh', ['-c', command], {
      cwd: ROOT,
      env: {
        ...cleanEnvironment(),
        PATH: `${dirname(process.execPath)}${delimiter}${process.env.PATH}`,
        CELLSTEP_PORT: `${this.port}`,
        CELLSTEP_GRPC_PORT: `${this.grpcPort}`,
        CELLSTEP_STORE: `lmdb:${this.directory}`,
        CELLSTEP_LOG_LEVEL: 'error',
        CELLSTEP_ATTACK_WATCH: this.watched,
        NODE_OPTIONS: `--import=${join(import.meta.dirname, 'loop-watch.ts')}`,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.child = child;
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        this.printed = (this.printed + text).slice(-4_096);
      });
    }
    const end = () => child.kill('SIGKILL');
    process.once('exit', end);
    child.once('close', () => {
      process.off('exit', end);
      if (this.child === child) this.deaths += 1;
    });
    const deadline = performance.now() + START_MILLISECONDS;
    while (!(await this.answers())) {
      if (child.exitCode !== null || child.signalCode !== null) throw new Error(`the service ended: ${this.printed}`);
      if (performance.now() > deadline) throw new Error(`the service is not ready: ${this.printed}`);
      await delay(20);
    }
  }

  async answers(): Promise<boolean> {
    const reply = await fetch(`${this.url}/readyz`, { signal: AbortSignal.timeout(2_000) }).catch(() => undefined);
    return reply?.status === 200;
  }

  /** Bytes of memory that are its own, not of files. */
  memory(): number {
    try {
      const [, kilobytes] = /RssAnon:\s+(\d+)/.exec(readFileSync(`/proc/${this.pid}/status`, 'utf8')) ?? [];
      return Number(kilobytes ?? 0) * 1024;
    } catch {
      return 0;
    }
  }

  /** Begins to watch the event loop anew. */
  watch(): void {
    this.child?.kill('SIGUSR2');
  }

  /** For how long one piece of work has held the event loop since then, in milliseconds of the processor. */
  held(): Held {
    try {
      return JSON.parse(readFileSync(this.watched, 'utf8'));
    } catch {
      return { longest: 0, holds: 0 };
    }
  }

  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    const { child } = this;
    this.child = undefined;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    child.kill(signal);
    const last = setTimeout(() => child.kill('SIGKILL'), 15_000);
    await once(child, 'close');
    clearTimeout(last);
  }

  async remove(): Promise<void> {
    await this.stop();
    rmSync(this.directory, { recursive: true, force: true });
    await this.group?.remove();
  }
}
