import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { freePort } from '../../scripts/free-port.ts';
import { spawnService } from '../../scripts/tutorial-service.ts';
import { MissingPeer } from '../peers.ts';

/** A server in a process of its own. */
export interface Server {
  readonly url: string;
  readonly pid: number;
  stop(): Promise<void>;
}

/** The settings that it is measured with: sessions in memory, like its peers, warnings only in the log, no threads. */
export const SETTINGS = { CELLSTEP_STORE: 'memory:', CELLSTEP_LOG_LEVEL: 'warn', CELLSTEP_THREADS: '0' } as const;

/** cellstep itself, with these settings. */
export async function startCellstep(settings: Readonly<Record<string, string>>): Promise<Server> {
  const port = await freePort();
  const service = spawnService({ CELLSTEP_PORT: `${port}`, ...settings });
  const server = {
    url: `http://127.0.0.1:${port}`,
    pid: service.child.pid ?? 0,
    stop: async () => void (await service.stop()),
  };
  if (await answers(server.url, '/healthz', 30)) return server;
  await server.stop();
  throw new Error(`cellstep has not started: ${service.stderr()}`);
}

/** Whether a server answers a path within so many seconds. */
export async function answers(url: string, path: string, seconds: number): Promise<boolean> {
  for (const end = Date.now() + seconds * 1000; Date.now() < end; ) {
    const reply = await fetch(url + path, { signal: AbortSignal.timeout(2000) }).catch(() => undefined);
    if (reply?.ok) return true;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return false;
}

/** node:http alone (limit-server.ts). */
export function startLimit(): Promise<Server> {
  return start(process.execPath, fileURLToPath(new URL('limit-server.ts', import.meta.url)), 10);
}

/** In which a peer has to start. */
const START_SECONDS = 60;

/** A program of bench/peers that prints its port. @throws {MissingPeer} if its environment is not there, or it does not start */
export async function startPython(environment: string, program: string, ready: string): Promise<Server> {
  const python = fileURLToPath(new URL(`../${environment}/bin/python`, import.meta.url));
  if (!existsSync(python)) throw new MissingPeer(`bench/${environment} is not there. Run bench/setup.`);
  const end = Date.now() + START_SECONDS * 1000;
  const server = await start(python, fileURLToPath(new URL(`../peers/${program}`, import.meta.url)), START_SECONDS);
  if (await answers(server.url, ready, (end - Date.now()) / 1000)) return server;
  await server.stop();
  throw new MissingPeer(`${program} does not answer ${ready} within ${START_SECONDS} s`);
}

async function start(command: string, program: string, seconds: number): Promise<Server> {
  const child = spawn(command, [program], { stdio: ['ignore', 'pipe', 'ignore'] });
  const stop = async () => {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill();
      const killed = setTimeout(() => child.kill('SIGKILL'), 5000);
      await once(child, 'exit');
      clearTimeout(killed);
    }
  };
  const port = await portOf(child, seconds);
  if (port) return { url: `http://127.0.0.1:${port}`, pid: child.pid ?? 0, stop };
  await stop();
  throw new MissingPeer(`${program} has not started within ${seconds} s`);
}

/** The first line that is a number. */
async function portOf(child: ChildProcess, seconds: number): Promise<string | undefined> {
  if (!child.stdout) return undefined;
  const lines = createInterface({ input: child.stdout });
  const late = setTimeout(() => lines.close(), seconds * 1000);
  child.once('exit', () => lines.close());
  for await (const line of lines) {
    if (!/^\d+$/.test(line)) continue;
    clearTimeout(late);
    // What else it prints is let through, so that it does not block.
    child.stdout.resume();
    return line;
  }
  clearTimeout(late);
  return undefined;
}
