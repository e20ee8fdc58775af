/**
 * `npm run mutate [-- FILE…] [--part K/N]`: puts one small fault after another into a copy of the tree and runs the tests that
 * know of it. Each has to be caught. With FILE only those in files whose path has it, with `--part` only the Kth of N equal parts. The
 * results go into the table of docs/mutations.md. A text that no longer occurs once is an error.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { mutate } from './mutate.ts';
import { MUTATIONS, type Mutation } from './mutations.ts';

const DOCUMENT = new URL('../../docs/mutations.md', import.meta.url);
const { values, positionals: named } = parseArgs({
  allowPositionals: true,
  options: { part: { type: 'string', default: '1/1' } },
});
const [part, parts] = values.part.split('/').map(Number);
const chosen = MUTATIONS.filter(({ file }) => named.length === 0 || named.some((name) => file.includes(name)));
const queue = chosen.filter((_, k) => k % parts === part - 1);
if (queue.length === 0) throw new Error(`There is no mutation in part ${values.part} of ${named.join(', ') || 'all'}.`);
const done = await mutate(queue, console.log);
const survivors = done.filter(({ caught }) => !caught);
writeFileSync(DOCUMENT, table(readFileSync(DOCUMENT, 'utf8')));
console.log(`${done.length} mutations, ${survivors.length} survived`);
process.exit(survivors.length > 0 ? 1 : 0);

/** Mutations that were not tried keep what the table said before. */
function table(before: string): string {
  const lines = before.split('\n');
  const rows = MUTATIONS.map((mutation) => {
    const start = startOfRow(mutation);
    const now = done.find((one) => one.mutation === mutation);
    const known = lines.find((line) => line.startsWith(start))?.slice(start.length);
    return `${start}${now ? ` ${now.caught ? 'caught' : 'survived'} |` : (known ?? ' not tried |')}`;
  });
  const caught = rows.filter((row) => row.endsWith('| caught |')).length;
  return `# Mutations

\`npm run mutate\` puts each of these faults into a copy of the tree and runs the tests that know of it; a fault in the kernels
(AssemblyScript) is compiled first. ${caught} of ${rows.length} were caught when they were last tried.

| File | Text | Becomes | |
|---|---|---|---|
${rows.join('\n')}
`;
}

function startOfRow({ file, text, mutant }: Mutation): string {
  const code = (text: string) => (text === '' ? '(nothing)' : `\`${text.replaceAll('|', '\\|')}\``);
  return `| ${file} | ${code(text)} | ${code(mutant)} |`;
}
