import { MAX_STEPS, type Signal } from './signal.ts';

export const MAX_FEATURES = 16;

/**
 * The numbers of a CSV file, a step a line, a feature a column; a first line of names is skipped. Throws a RangeError whose
 * message is the number of the line that has no numbers in it.
 */
export function readCsv(text: string): Signal {
  const lines = text.split(/\r?\n/).flatMap((line, i) => (line.trim() ? [{ line, number: i + 1 }] : []));
  const parsed = lines.map(({ line, number }) => ({
    number,
    values: line
      .trim()
      .split(/[,;\t]/)
      .map(numberIn),
  }));
  const body = parsed[0]?.values.some(Number.isNaN) ? parsed.slice(1) : parsed;
  const width = body[0]?.values.length ?? 0;
  const wrong = body.find(({ values }) => values.length !== width || values.some(Number.isNaN));
  if (wrong || width === 0) throw new RangeError(String(wrong?.number ?? 1));
  return body.slice(0, MAX_STEPS).map(({ values }) => values.slice(0, MAX_FEATURES).map(Math.fround));
}

function numberIn(text: string): number {
  return text.trim() === '' ? Number.NaN : Number(text);
}
