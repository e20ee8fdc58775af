import { findWrongTexts } from './float32-text-check.ts';

/**
 * `node scripts/check-float32-text.ts [first] [end]`: checks the text of every float32, or of those whose bits are from
 * `first` up to `end` (2^32). All of them take half an hour or so.
 */
const CHUNK = 2 ** 16;
const first = Number(process.argv[2] ?? 0);
const end = Number(process.argv[3] ?? 2 ** 32);

const started = Date.now();
let wrong = 0;
for (let from = first; from < end; from += CHUNK) {
  for (const { bits, text, why } of findWrongTexts(from, Math.min(CHUNK, end - from))) {
    if (++wrong <= 20) process.stdout.write(`bits ${bits.toString(16)}: ${text} ${why}\n`);
  }
  const done = from + CHUNK - first;
  if (done % 2 ** 28 === 0) process.stderr.write(`${done} values, ${Math.round((Date.now() - started) / 1000)} s\n`);
}
process.stdout.write(`${end - first} values, ${wrong} wrong, ${Math.round((Date.now() - started) / 1000)} s\n`);
process.exitCode = wrong > 0 ? 1 : 0;
