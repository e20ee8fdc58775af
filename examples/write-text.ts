/**
 * Trains a language model on the beginning of "Alice's Adventures in Wonderland" (Lewis Carroll, 1865; in the public domain), and writes
 * text with it, letter by letter, by a session that keeps the hidden state.
 *
 * `npm run example:text [-- --updates 400 --seed 1 --temperature 0.7 --top-k 8 --letters 400 --prompt "Alice "]` starts a service of its
 * own; with CELLSTEP_URL it talks to one that runs already.
 */
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { Cellstep } from '../clients/typescript/src/index.ts';
import { withService } from './service.ts';
import { learn, TEXT_TASK, write } from './text/language-model.ts';

const BAR = 30;

/** A bar on a terminal; elsewhere a line for every tenth of the way. */
function progress(total: number): (update: number, loss: number) => void {
  return (update, loss) => {
    const done = update + 1;
    const filled = Math.round((BAR * done) / total);
    const text = `${'█'.repeat(filled)}${'░'.repeat(BAR - filled)} ${done}/${total}  loss ${loss.toFixed(4)}`;
    if (process.stdout.isTTY) process.stdout.write(`\r${text}${done === total ? '\n' : ''}`);
    else if (update === 0 || done === total || done % Math.ceil(total / 10) === 0) process.stdout.write(`${text}\n`);
  };
}

function number(name: string, text: string, least: number): number {
  const value = Number(text);
  if (Number.isFinite(value) && value >= least) return value;
  throw new RangeError(`--${name} is '${text}'. Send a number of ${least} or more.`);
}

const { values } = parseArgs({
  options: {
    updates: { type: 'string', default: `${TEXT_TASK.updates}` },
    seed: { type: 'string', default: '1' },
    temperature: { type: 'string', default: '0.7' },
    'top-k': { type: 'string', default: '8' },
    letters: { type: 'string', default: '400' },
    prompt: { type: 'string', default: 'Alice ' },
  },
});
const updates = number('updates', values.updates, 1);
const sampling = {
  seed: number('seed', values.seed, 0),
  temperature: number('temperature', values.temperature, 0),
  topK: number('top-k', values['top-k'], 1),
};
const text = readFileSync(new URL('text/alice.txt', import.meta.url), 'utf8').trim();

await withService(async (options) => {
  const client = new Cellstep(options);
  const model = await learn(client, { ...TEXT_TASK, text, updates }, progress(updates));
  process.stdout.write(`\n${values.prompt}`);
  for await (const letter of write(model, values.prompt, number('letters', values.letters, 1), sampling)) {
    process.stdout.write(letter);
  }
  process.stdout.write('\n');
});
