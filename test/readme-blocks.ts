import { readFileSync } from 'node:fs';

const README = readFileSync(new URL('../README.md', import.meta.url), 'utf8');

/** A command of the README, and the answer that is shown below it. */
export interface Call {
  readonly command: string;
  readonly language: string | undefined;
  readonly answer: string | undefined;
}

/** The part of the README below a heading of the second level. */
export function section(title: string): string {
  const [, text] = README.split(`\n## ${title}\n`);
  if (text === undefined) throw new Error(`README.md has no section '${title}'`);
  return text.split(/\n## /)[0];
}

/** Shell blocks, each with the block of another language that follows it directly. */
export function callsOf(text: string): Call[] {
  const blocks = /```sh\n(.*?)\n```(?:\n\n```(text|json)\n(.*?)\n```)?/gs;
  return [...text.matchAll(blocks)].map(([, command, language, answer]) => ({ command, language, answer }));
}

/** Rows of a table, each a list of cells without their backticks. */
export function rowsOf(text: string): string[][] {
  const rows = text.split('\n').filter((line) => line.startsWith('| '));
  return rows.slice(1).map((row) =>
    row
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim().replaceAll('`', '')),
  );
}

/** An answer as the README shows it: JSON without white space outside of strings, and no headers that every reply has. */
export function comparable(answer: string, language: string): string {
  const text = answer.replaceAll('\r\n', '\n').trim();
  return language === 'json' ? withoutSpace(text) : text;
}

function withoutSpace(json: string): string {
  return json.replace(/("(?:[^"\\]|\\.)*")|\s+/g, (_, string: string | undefined) => string ?? '');
}

/** Whether an answer is the one that is shown, where `…` stands for anything but a quote or a line's end. */
export function patternOf(shown: string): RegExp {
  const parts = shown.split('…').map((part) => part.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&'));
  return new RegExp(`^${parts.join('[^"\\n]+')}$`);
}
