/**
 * `npm run mutate [-- FILE…]`: puts one small fault after another into a copy of the tree and runs the tests that know of it.
 * Each has to be caught; a whole run writes the table of docs/mutations.md. A text that no longer occurs once is an error.
 */
import { writeFileSync } from 'node:fs';
import { mutate } from './mutate.ts';
import { MUTATIONS } from './mutations.ts';

const named = process.argv.slice(2);
const queue = MUTATIONS.filter(({ file }) => named.length === 0 || named.some((name) => file.includes(name)));
const done = await mutate(queue, console.log);
const survivors = done.filter(({ caught }) => !caught);
const code = (text: string) => (text === '' ? '(nothing)' : `\`${text.replaceAll('|', '\\|')}\``);
const rows = done.map(({ mutation: { file, text, mutant }, caught }) => {
  return `| ${file} | ${code(text)} | ${code(mutant)} | ${caught ? 'caught' : 'survived'} |`;
});
const count = `${done.length - survivors.length} of ${done.length}`;
const table = `# Mutations

\`npm run mutate\` puts each of these faults into a copy of the tree and runs the tests that know of it. ${count} were caught in
the last whole run.

| File | Text | Becomes | |
|---|---|---|---|
${rows.join('\n')}
`;
if (named.length === 0) writeFileSync(new URL('../../docs/mutations.md', import.meta.url), table);
console.log(`${done.length} mutations, ${survivors.length} survived`);
process.exit(survivors.length > 0 ? 1 : 0);
