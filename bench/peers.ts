import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createInterface, type Interface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** What a suite needs and bench/setup would have installed. */
export class MissingPeer extends Error {}

const here = createRequire(import.meta.url);

/** A package of bench/package.json; `T` is the part of it that is used. @throws {MissingPeer} */
export function nodePeer<T>(name: string): T {
  try {
    return here(name) as T;
  } catch (error) {
    throw new MissingPeer(`${name} does not load (${(error as Error).message.split('\n')[0]}). Run bench/setup.`);
  }
}

export function nodePeerVersion(name: string): string {
  return `${name} ${(here(`./node_modules/${name}/package.json`) as { version: string }).version}`;
}

/** A Python program of bench/peers in the environment that bench/setup makes, asked by lines of JSON. */
export class PythonPeer {
  private readonly child: ChildProcessWithoutNullStreams;
  private readonly lines: Interface;
  private readonly answers: AsyncIterator<string>;
  private readonly program: string;

  /** @throws {MissingPeer} */
  constructor(program: string) {
    const python = fileURLToPath(new URL('.python/bin/python', import.meta.url));
    if (!existsSync(python)) throw new MissingPeer('bench/.python is not there. Run bench/setup.');
    this.program = program;
    this.child = spawn(python, ['-u', fileURLToPath(new URL(`peers/${program}`, import.meta.url))]);
    this.child.stderr.pipe(process.stderr);
    this.lines = createInterface({ input: this.child.stdout });
    this.answers = this.lines[Symbol.asyncIterator]();
  }

  /** Sends one line, waits for the line that answers it. */
  async ask<T>(question: unknown): Promise<T> {
    this.child.stdin.write(`${JSON.stringify(question)}\n`);
    const { value, done } = await this.answers.next();
    if (done) throw new Error(`${this.program} has ended without an answer`);
    return JSON.parse(value) as T;
  }

  close(): void {
    this.child.stdin.end();
  }
}
