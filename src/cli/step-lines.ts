import type { Nested, Tensor } from '../../clients/typescript/src/index.ts';

/** Reads the lines of stdin and writes the lines of stdout. */
export interface LineForm {
  /** [batch, features] of a line; undefined for a line of names. @throws {Error} naming the line */
  read(line: string, number: number): Nested | undefined;
  /** A step's number and its output [batch, width]. */
  write(step: number, output: Tensor): string;
}

/** Finds the form by the first line: JSON begins with a bracket or a brace. */
export function lineForm(first: string): LineForm {
  return /^\s*[[{]/.test(first) ? JSON_LINES : CSV;
}

const JSON_LINES: LineForm = {
  read(line, number) {
    let value: unknown;
    try {
      value = JSON.parse(line);
    } catch (error) {
      throw new Error(`Line ${number} is not JSON: ${(error as Error).message}`);
    }
    const inputs = Array.isArray(value) ? value : (value as { inputs?: unknown } | null)?.inputs;
    if (!Array.isArray(inputs))
      throw new Error(`Line ${number} has no inputs. Send [0.5, 1] or {"inputs": [[0.5, 1]]}.`);
    return (Array.isArray(inputs[0]) ? inputs : [inputs]) as Nested;
  },
  write: (step, output) => JSON.stringify({ step, output: output.toNested() }, infinities),
};

const CSV: LineForm = {
  read(line, number) {
    const cells = line.split(',').map((cell) => cell.trim());
    const numbers = cells.map(Number);
    const wrong = numbers.findIndex((value, i) => cells[i] === '' || (Number.isNaN(value) && cells[i] !== 'NaN'));
    if (wrong < 0) return [numbers];
    if (number === 1) return undefined;
    throw new Error(`Line ${number}, column ${wrong + 1}: '${cells[wrong].slice(0, 40)}' is not a number.`);
  },
  write: (_, output) => Array.from(output.data as Iterable<number | bigint>, String).join(','),
};

/** JSON has no infinities. They are written as text, as in the API. */
function infinities(_: string, value: unknown): unknown {
  return typeof value === 'number' && !Number.isFinite(value) ? `${value}` : value;
}
