import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { freePort } from '../../scripts/free-port.ts';
import { cleanEnvironment } from '../../scripts/tutorial-service.ts';
import { createAgent, exchange } from './exchange.ts';

const ROOT = join(import.meta.dirname, '../..');
const KEPT_OUTPUT = 4_096;
const START_MILLISECONDS = 60_000;

/** A service that is killed and started again, on the same port as long as nobody else has taken it. */
export class ServiceProcess {
  private readonly settings: Readonly<Record<string, string>>;
  private child: ChildProcess | undefined;
  private port = 0;
  private printed = '';

  constructor(settings: Readonly<Record<string, string>>) {
    this.settings = settings;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  get pid(): number | undefined {
    return this.child?.pid;
  }

  /** The last of what it has printed, of all its lives. */
  get output(): string {
    return this.printed;
  }

  /** Resolves when it answers that it is ready. */
  async start(): Promise<void> {
    if (this.port === 0) this.port = await freePort();
    const running = spawn(process.execPath, ['bin/cellstep.cjs'], {
      cwd: ROOT,
      env: {
        ...cleanEnvironment(),
        CELLSTEP_PORT: `${this.port}`,
        CELLSTEP_LOG_LEVEL: 'fatal',
        ...this.settings,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.child = running;
    for (const stream of [running.stdout, running.stderr]) {
      stream.setEncoding('utf8').on('data', (chunk: string) => {
        this.printed = (this.printed + chunk).slice(-KEPT_OUTPUT);
      });
    }
    const end = () => running.kill('SIGKILL');
    process.once('exit', end);
    running.once('close', () => process.off('exit', end));
    await this.ready(running);
  }

  private async ready(running: ChildProcess): Promise<void> {
    const agent = createAgent();
    const end = performance.now() + START_MILLISECONDS;
    for (;;) {
      if (hasEnded(running)) {
        const said = this.printed.slice(-500);
        // As a supervisor does: where the store is away, it is started until it is there.
        if (/CELLSTEP_PORT \d+ .* is in use/.test(said)) this.port = 0;
        else if (!/CELLSTEP_STORE: store redis\S* (cannot be opened|is not reachable)/.test(said)) {
          throw new Error(`the service ended (${running.exitCode ?? running.signalCode}): ${said}`);
        }
        return this.start();
      }
      const answer = await exchange(agent, this.url, { method: 'GET', path: '/readyz' }, 1_000).catch(() => undefined);
      if (answer?.status === 200) break;
      if (performance.now() > end) throw new Error(`the service is not ready: ${answer?.text} ${this.printed}`);
      await delay(5);
    }
    agent.destroy();
  }

  /** Sends the signal and waits for the end. */
  async stop(signal: NodeJS.Signals): Promise<{ code: number | null; signal: NodeJS.Signals | null }> {
    const { child } = this;
    if (child && !hasEnded(child)) {
      child.kill(signal);
      await once(child, 'close');
    }
    return { code: child?.exitCode ?? null, signal: child?.signalCode ?? null };
  }

  signal(signal: NodeJS.Signals): void {
    this.child?.kill(signal);
  }
}

function hasEnded({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode !== null || signalCode !== null;
}
