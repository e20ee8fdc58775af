import { type ChildProcess, execFile, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { onTestFinished } from 'vitest';
import { z } from 'zod';
import { freePort } from '../../scripts/free-port.ts';
import { PATIENCE_MS } from '../support/patience.ts';

const script = fileURLToPath(new URL('../../scripts/container.sh', import.meta.url));
const run = promisify(execFile);

/** Why containers can't be built and run here; undefined where they can. */
export function whyNot(): string | undefined {
  if (process.env.CELLSTEP_CI !== '1' && process.env.CELLSTEP_CONTAINER !== '1') {
    return 'it builds an image; `npm run test:container` runs it';
  }
  const { status } = spawnSync(script, ['available']);
  return status === 0 ? undefined : 'there is no working docker or podman, nor buildah and mmdebstrap with root';
}

export async function buildImage(): Promise<void> {
  const { stdout } = await run(script, ['build'], { maxBuffer: 2 ** 26 });
  console.log(stdout.trim());
}

const imageConfig = z.object({
  User: z.string(),
  Env: z.array(z.string()),
  Cmd: z.array(z.string()),
  Entrypoint: z.array(z.string()).nullish(),
  ExposedPorts: z.record(z.string(), z.unknown()),
  Volumes: z.record(z.string(), z.unknown()),
  Labels: z.record(z.string(), z.string()),
  Healthcheck: z.object({ Test: z.array(z.string()) }),
});

export async function readImageConfig(): Promise<z.output<typeof imageConfig>> {
  return imageConfig.parse(JSON.parse((await run(script, ['config'])).stdout));
}

/** A directory on the host that the image's user may write to, gone after the test. */
export function newVolume(): string {
  const directory = mkdtempSync(join(tmpdir(), 'cellstep-volume-'));
  chmodSync(directory, 0o777);
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

interface Started {
  readonly env?: Readonly<Record<string, string>>;
  readonly volume?: string;
  readonly command?: readonly string[];
}

/** What a container printed and how it ended. */
export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export class Container {
  readonly ended: Promise<Ended>;
  private readonly child: ChildProcess;

  constructor({ env = {}, volume, command = [] }: Started) {
    const variables = Object.entries(env).flatMap(([name, value]) => ['--env', `${name}=${value}`]);
    const mounts = volume === undefined ? [] : ['--volume', volume];
    const child = spawn(script, ['run', ...variables, ...mounts, ...(command.length > 0 ? ['--', ...command] : [])], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.child = child;
    const printed = { stdout: '', stderr: '' };
    for (const name of ['stdout', 'stderr'] as const) {
      child[name].setEncoding('utf8').on('data', (chunk: string) => {
        printed[name] += chunk;
      });
    }
    this.ended = once(child, 'close').then(([code]) => ({ code, ...printed }));
    onTestFinished(async () => {
      await this.stop();
    });
  }

  /** SIGTERM, as an orchestrator sends it. */
  stop(): Promise<Ended> {
    if (this.child.exitCode === null) this.child.kill('SIGTERM');
    return this.ended;
  }
}

/** Runs a command in a fresh container until it ends. */
export function inContainer(command: readonly string[], options: Omit<Started, 'command'> = {}): Promise<Ended> {
  return new Container({ ...options, command }).ended;
}

/** The image's own command, answering on 127.0.0.1. */
export async function startService(volume: string, env: Readonly<Record<string, string>> = {}) {
  const port = await freePort();
  const container = new Container({ volume, env: { CELLSTEP_AUTH: 'none', CELLSTEP_PORT: `${port}`, ...env } });
  const url = `http://127.0.0.1:${port}`;
  let ended: Ended | undefined;
  void container.ended.then((end) => {
    ended = end;
  });
  for (const deadline = Date.now() + 2 * PATIENCE_MS; ; await new Promise((resolve) => setTimeout(resolve, 100))) {
    if (
      await fetch(`${url}/healthz`).then(
        (reply) => reply.ok,
        () => false,
      )
    )
      return { container, url, port };
    if (ended) throw new Error(`the container ended with ${ended.code}: ${ended.stderr}${ended.stdout}`);
    if (Date.now() > deadline) throw new Error('the container does not answer');
  }
}
