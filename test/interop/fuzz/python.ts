import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const script = fileURLToPath(new URL('reference.py', import.meta.url));

/** A Python process that stays, with the libraries loaded: a line of JSON goes there, a line comes back. */
export interface Python {
  /** @throws {LibraryError} what the library raises */
  ask<T>(question: object): Promise<T>;
  close(): Promise<void>;
}

/** What the library said against a case. */
export class LibraryError extends Error {}

/** Started with the first question. @throws where no variable names a Python */
export function pythonWith(backend: 'tensorflow' | 'torch', directory: string): Python {
  let started: Python | undefined;
  return {
    ask(question) {
      started ??= startPython(pythonOf(backend), backend, directory);
      return started.ask(question);
    },
    async close() {
      await started?.close();
    },
  };
}

/** @throws where none is named */
function pythonOf(backend: 'tensorflow' | 'torch'): string {
  const [variable, list] =
    backend === 'torch'
      ? ['CELLSTEP_INTEROP_PYTHON', 'requirements.txt']
      : ['CELLSTEP_TENSORFLOW_PYTHON', 'requirements-tensorflow.txt'];
  const path = process.env[variable];
  if (!path) throw new Error(`${variable} names no Python with test/interop/${list}.`);
  return path;
}

function startPython(python: string, backend: string, directory: string): Python {
  const child = spawn(python, [script], {
    // Keras writes its settings into its home.
    env: { ...process.env, KERAS_BACKEND: backend, KERAS_HOME: directory, PYTHONDONTWRITEBYTECODE: '1' },
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  const ended = once(child, 'exit');
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    async ask<T>(question: object): Promise<T> {
      child.stdin.write(`${JSON.stringify(question)}\n`);
      const { value, done } = await lines.next();
      if (done) throw new Error(`${python} has ended in the middle of ${JSON.stringify(question).slice(0, 2000)}`);
      const { error, result } = JSON.parse(value);
      if (error !== undefined) throw new LibraryError(error);
      return result as T;
    },
    async close() {
      child.stdin.end();
      await ended;
    },
  };
}
