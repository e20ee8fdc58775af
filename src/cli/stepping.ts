import { createInterface } from 'node:readline';
import { type Cellstep, type Session, type SessionStep, Tensor } from '../../clients/typescript/src/index.ts';
import { SERVICE_USAGE, serviceArguments } from './options.ts';
import { type LineForm, lineForm } from './step-lines.ts';

const LINES = `Each line of stdin is a step, its answer a line of stdout, in the same form: JSON ([0.5, 1], one row; or
{"inputs": [[0.5, 1], [2, 3]]}, a row for each of the session's batch) or CSV (0.5,1). A first line of names is passed over.
--cell opens a session on a cell for these lines alone.`;
export const STEP_USAGE = `usage: cellstep step SESSION ${SERVICE_USAGE}\n       cellstep step --cell CELL\n${LINES}`;
export const STREAM_USAGE = STEP_USAGE.replaceAll('cellstep step', 'cellstep stream');

/** Time between two updates of the progress line on a terminal. */
const PROGRESS_MS = 200;

type StepThrough = (session: Session, inputs: AsyncIterable<Tensor>) => AsyncIterable<SessionStep>;

/** One request a line. */
export function stepCommand(args: readonly string[]): Promise<void> {
  return run(args, async function* each(session, inputs) {
    for await (const input of inputs) yield await session.step(input);
  });
}

/** All lines over one WebSocket. */
export function streamCommand(args: readonly string[]): Promise<void> {
  return run(args, (session, inputs) => session.stream(inputs));
}

async function run(args: readonly string[], stepThrough: StepThrough): Promise<void> {
  const cellAt = args.indexOf('--cell');
  const given = cellAt < 0 ? args : [...args.slice(0, cellAt), ...args.slice(cellAt + 1)];
  const { argument, client } = serviceArguments(given, cellAt < 0 ? 'SESSION' : 'CELL', {});
  try {
    if (cellAt < 0) return await stepLines(client.session(argument), stepThrough);
    await using session = await openOn(client, argument);
    await stepLines(session, stepThrough);
  } finally {
    client.close();
  }
}

function openOn(client: Cellstep, cell: string): Promise<Session> {
  return client.cells.get(cell).openSession();
}

async function stepLines(session: Session, stepThrough: StepThrough): Promise<void> {
  const form: { line?: LineForm } = {};
  const progress = startProgress();
  try {
    for await (const { output, step } of stepThrough(session, readInputs(form))) {
      progress.stepped();
      const text = form.line?.write(step, output) ?? '';
      // Waits for a reader that is slower than the service.
      if (!process.stdout.write(`${text}\n`)) await new Promise((resolve) => process.stdout.once('drain', resolve));
    }
  } finally {
    progress.end();
  }
}

async function* readInputs(form: { line?: LineForm }): AsyncGenerator<Tensor> {
  let number = 0;
  for await (const line of createInterface({ input: process.stdin, crlfDelay: Number.POSITIVE_INFINITY })) {
    number++;
    if (line.trim() === '') continue;
    form.line ??= lineForm(line);
    const inputs = form.line.read(line, number);
    if (inputs) yield Tensor.from(inputs);
  }
}

/** Shows a progress line on a terminal, unless the answers go there too. */
function startProgress(): { stepped(): void; end(): void } {
  if (!process.stderr.isTTY || process.stdout.isTTY) return { stepped: () => undefined, end: () => undefined };
  const start = performance.now();
  let steps = 0;
  const show = () => {
    const rate = steps / ((performance.now() - start) / 1000);
    process.stderr.write(`\r${steps.toLocaleString('en')} steps, ${Math.round(rate).toLocaleString('en')}/s `);
  };
  const timer = setInterval(show, PROGRESS_MS);
  return {
    stepped: () => {
      steps++;
    },
    end: () => {
      clearInterval(timer);
      show();
      process.stderr.write('\n');
    },
  };
}
