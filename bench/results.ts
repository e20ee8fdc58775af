import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cells, type Figure, HEADINGS } from './report.ts';

/** What one run of a suite found, as it is kept in bench/results. */
interface SuiteResults {
  readonly name: string;
  readonly about: string;
  readonly machine: string;
  readonly versions: readonly string[];
  readonly date: string;
  readonly figures: readonly Figure[];
}

const folder = new URL('results/', import.meta.url);

/** Keeps a suite's results in place of its former ones, and writes RESULTS.md from those of all suites. */
export function keepResults(results: SuiteResults): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(new URL(`${results.name}.json`, folder), `${JSON.stringify(results, null, 2)}\n`);
  const all = readdirSync(folder)
    .filter((file) => file.endsWith('.json'))
    .sort()
    .map((file) => JSON.parse(readFileSync(new URL(file, folder), 'utf8')) as SuiteResults);
  writeFileSync(new URL('RESULTS.md', import.meta.url), document(all));
}

function document(all: readonly SuiteResults[]): string {
  const intro = `# Results

What \`npm run bench\` found, after \`bench/setup\`. A ratio above 1 says that cellstep is ahead; contenders were measured by
turns in one run, and a ratio is the median of the rounds' ratios.
`;
  return [intro, ...all.map(section)].join('\n');
}

function section({ name, about, machine, versions, date, figures }: SuiteResults): string {
  const row = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return `## ${name}

${about}

${row(HEADINGS)}
|---|---:|---:|---:|---:|---|
${figures.map((figure) => row(cells(figure))).join('\n')}

${date}, \`npm run bench -- ${name}\` on ${[machine, ...versions].join(', ')}.
`;
}
