import { execFile, execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Contender } from '../measure.ts';
import { MissingPeer } from '../peers.ts';

export const CONNECTIONS = 32;

/** One request, again and again; several paths are taken by turns. */
export interface Load {
  readonly url: string;
  readonly paths: readonly string[];
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
  /** One for each path, where they differ. */
  readonly bodies?: readonly Uint8Array[];
}

export interface LoadedContender extends Contender {
  /** Milliseconds, the medians over the rounds. */
  latency(): { readonly p50: number; readonly p99: number };
}

const run = promisify(execFile);

/** @throws {MissingPeer} */
export function wrkVersion(): string {
  try {
    // It prints its version with its usage, and ends with 1.
    execFileSync('wrk', ['-v'], { stdio: 'pipe' });
  } catch (error) {
    const [, version] = /wrk (\S+)/.exec(String((error as { stdout?: Buffer }).stdout)) ?? [];
    if (version) return `wrk ${version}`;
    throw new MissingPeer('wrk is not there. Install it (Debian: apt-get install wrk).');
  }
  return 'wrk';
}

/** wrk on one thread with 32 connections; `measure` is a second at least, as wrk counts in those. */
export function loadedBy(name: string, load: Load): LoadedContender {
  const seen: { p50: number; p99: number }[] = [];
  return {
    name,
    async measure(ms) {
      const directory = mkdtempSync(join(tmpdir(), 'cellstep-wrk-'));
      try {
        const script = join(directory, 'load.lua');
        writeFileSync(script, scriptOf(load));
        const seconds = `${Math.max(1, Math.round(ms / 1000))}s`;
        const options = ['-t1', `-c${CONNECTIONS}`, `-d${seconds}`, '--latency', '-s', script, load.url];
        const { stdout } = await run('wrk', options);
        const refused = /Non-2xx or 3xx responses: (\d+)/.exec(stdout)?.[1];
        if (refused) throw new Error(`${name} refused ${refused} of the requests to ${load.url}${load.paths[0]}`);
        seen.push({ p50: milliseconds(stdout, '50%'), p99: milliseconds(stdout, '99%') });
        return 1e9 / Number(/Requests\/sec:\s+([\d.]+)/.exec(stdout)?.[1]);
      } finally {
        rmSync(directory, { recursive: true });
      }
    },
    latency: () => ({ p50: middle(seen.map(({ p50 }) => p50)), p99: middle(seen.map(({ p99 }) => p99)) }),
  };
}

function middle(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1];
}

const MILLISECONDS: Readonly<Record<string, number>> = { us: 0.001, ms: 1, s: 1000, m: 60_000 };

function milliseconds(report: string, percentile: string): number {
  const [, value, unit] = new RegExp(`${percentile}\\s+([\\d.]+)(us|ms|s|m)\\b`).exec(report) ?? [];
  return Number(value) * MILLISECONDS[unit];
}

function scriptOf({ paths, headers, body, bodies = [body] }: Load): string {
  const literal = (bytes: Uint8Array) => `"${[...bytes].map((byte) => `\\${String(byte).padStart(3, '0')}`).join('')}"`;
  const fields = Object.entries(headers).map(([name, value]) => `["${name}"]="${value}"`);
  return `local bodies = {${bodies.map(literal).join(',')}}
local headers = {${fields.join(',')}}
local paths = {${paths.map((path) => `"${path}"`).join(',')}}
local requests = {}
local turn = 0
function init()
  for i, path in ipairs(paths) do requests[i] = wrk.format("POST", path, headers, bodies[(i - 1) % #bodies + 1]) end
end
function request()
  turn = turn % #requests + 1
  return requests[turn]
end
`;
}
