import { readFileSync } from 'node:fs';

/** A page of the documentation, by its path from the root. */
export function pageOf(path: string): string {
  return readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
}

/** A block of a page that a reader runs, and the answer that is shown below it. */
export interface Call {
  readonly command: string;
  readonly language: string | undefined;
  readonly answer: string | undefined;
}

/** Blocks in a language (`sh`, `python`), each with the answer (`text`, `json`) that follows it directly. */
export function callsOf(page: string, in_: 'sh' | 'python'): Call[] {
  const blocks = /```(sh|python)\n(.*?)\n```(?:\n\n```(text|json)\n(.*?)\n```)?/gs;
  return [...page.matchAll(blocks)]
    .filter(([, language]) => language === in_)
    .map(([, , command, language, answer]) => ({ command, language, answer }));
}

/** Rows of all tables, each a list of cells without their backticks. */
export function rowsOf(page: string): string[][] {
  const tables = page.split(/\n(?!\|)/).map((table) => table.split('\n').filter((line) => line.startsWith('|')));
  return tables.flatMap((rows) =>
    rows.slice(2).map((row) =>
      row
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim().replaceAll('`', '')),
    ),
  );
}

/** An answer as a page shows it: JSON without white space outside of strings, and no headers that every reply has. */
export function comparable(answer: string, language: string): string {
  const text = answer.replaceAll('\r\n', '\n').trim();
  return language === 'json' ? withoutSpace(text) : text;
}

function withoutSpace(json: string): string {
  return json.replace(/("(?:[^"\\]|\\.)*")|\s+/g, (_, string: string | undefined) => string ?? '');
}

/** Whether an answer is the one that is shown, where `…` stands for anything but a quote or a line's end. */
export function patternOf(shown: string): RegExp {
  const parts = shown.split('…').map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${parts.join('[^"\\n]+')}$`);
}
