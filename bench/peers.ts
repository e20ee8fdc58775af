import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';
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

/** A program that answers each line with a line of JSON. */
export class LinePeer {
  private readonly child: ChildProcessWithoutNullStreams;
  private readonly answers: AsyncIterator<string>;
  private readonly command: readonly string[];

  constructor(command: readonly string[]) {
    this.command = command;
    this.child = spawn(command[0], command.slice(1));
    this.child.stderr.pipe(process.stderr);
    this.answers = createInterface({ input: this.child.stdout })[Symbol.asyncIterator]();
  }

  /** Sends one line, waits for the line that answers it. */
  async askLine<T>(line: string): Promise<T> {
    this.child.stdin.write(`${line}\n`);
    const { value, done } = await this.answers.next();
    if (done) throw new Error(`${this.command.join(' ')} has ended without an answer`);
    return JSON.parse(value) as T;
  }

  close(): void {
    this.child.stdin.end();
  }
}

/** A Python program of bench/peers in the environment that bench/setup makes, asked by lines of JSON. */
export class PythonPeer extends LinePeer {
  /** @throws {MissingPeer} */
  constructor(program: string) {
    const python = fileURLToPath(new URL('.python/bin/python', import.meta.url));
    if (!existsSync(python)) throw new MissingPeer('bench/.python is not there. Run bench/setup.');
    super([python, '-u', fileURLToPath(new URL(`peers/${program}`, import.meta.url))]);
  }

  ask<T>(question: unknown): Promise<T> {
    return this.askLine(JSON.stringify(question));
  }
}
