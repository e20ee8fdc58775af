import { readdirSync } from 'node:fs';
import { cpus } from 'node:os';
import { MissingPeer } from './peers.ts';
import { cells, type Figure, HEADINGS, type Suite } from './report.ts';
import { keepResults } from './results.ts';

/**
 * `npm run bench [-- suite…]` runs the suites of bench/suites, or those that are named, one after another, prints a line for
 * each figure and keeps them in bench/RESULTS.md. Ends with 1 if a goal was missed or a peer is not there.
 */
const folder = new URL('suites/', import.meta.url);
const known = readdirSync(folder).map((file) => file.replace(/\.ts$/, ''));
const names = process.argv.length > 2 ? process.argv.slice(2) : known;
const unknown = names.filter((name) => !known.includes(name));
if (unknown.length > 0) {
  process.stderr.write(`There is no suite ${unknown.join(', ')}. There are ${known.join(', ')}.\n`);
  process.exit(2);
}

const machine = `${cpus().length} × ${cpus()[0].model.trim()}, Node ${process.versions.node}`;
process.stdout.write(`${machine}\n`);
for (const name of names) {
  const { suite } = (await import(new URL(`${name}.ts`, folder).href)) as { suite: Suite };
  process.stdout.write(`\n${name}: ${suite.about}\n\n${line(HEADINGS)}\n`);
  const figures: Figure[] = [];
  let versions: readonly string[];
  try {
    versions = await suite.run((figure) => {
      figures.push(figure);
      const row = cells(figure);
      if (row.at(-1) === 'MISSED') process.exitCode = 1;
      process.stdout.write(`${line(row)}\n`);
    });
  } catch (error) {
    if (!(error instanceof MissingPeer)) throw error;
    process.stderr.write(`${name} cannot run: ${error.message}\n`);
    process.exitCode = 1;
    continue;
  }
  keepResults({ name, about: suite.about, machine, versions, date: new Date().toISOString().slice(0, 10), figures });
}

function line(row: readonly string[]): string {
  const widths = [44, 22, 22, 9, 9, 6];
  return row.map((cell, k) => cell.padEnd(widths[k])).join(' ');
}
