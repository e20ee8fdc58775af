import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Readable } from 'node:stream';

const ROOT = join(import.meta.dirname, '..');

export interface Exit {
  /** null where a signal ended it. */
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** The service as a process of its own. */
export interface ServiceProcess {
  /** `http://127.0.0.1:<port>` */
  readonly url: string;
  readonly child: ChildProcessByStdio<null, Readable, Readable>;
  readonly exited: Promise<Exit>;
  /** What it has printed so far: its log, one JSON object a line. */
  stdout(): string;
  stderr(): string;
  /** Sends the signal and waits for the end. */
  stop(signal?: NodeJS.Signals): Promise<Exit>;
}

/** An environment without this process's own settings of cellstep. */
export function cleanEnvironment(): Record<string, string | undefined> {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('CELLSTEP_')));
}

/** Starts what `npm start` starts, and does not wait for anything but its end. */
export function spawnService(settings: Readonly<Record<string, string>>): Omit<ServiceProcess, 'url'> {
  const child = spawn(process.execPath, ['bin/cellstep.cjs'], {
    cwd: ROOT,
    env: { ...cleanEnvironment(), ...settings },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const text = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (chunk: string) => {
      text[name] += chunk;
    });
  }
  // 'close' comes after the last of its output, 'exit' may come before.
  const exited = once(child, 'close').then(([code, signal]): Exit => ({ code, signal }));
  return {
    child,
    exited,
    stdout: () => text.stdout,
    stderr: () => text.stderr,
    stop(signal = 'SIGTERM') {
      child.kill(signal);
      return exited;
    },
  };
}

/**
 * Starts the service on a free port of 127.0.0.1, unless the settings say otherwise, and waits until it listens.
 * Throws an Error with what it printed when it ends instead.
 */
export async function startService(settings: Readonly<Record<string, string>>): Promise<ServiceProcess> {
  const service = spawnService({ CELLSTEP_PORT: '0', ...settings });
  const url = await new Promise<string>((resolve, reject) => {
    service.child.stdout.on('data', () => {
      const listening = /"msg":"Server listening at (https?:[^"]+)"/.exec(service.stdout());
      if (listening) resolve(listening[1]);
    });
    service.exited.then(
      ({ code, signal }) =>
        reject(new Error(`the service ended (${code ?? signal}): ${service.stderr() || service.stdout()}`)),
      reject,
    );
  });
  return { ...service, url };
}
