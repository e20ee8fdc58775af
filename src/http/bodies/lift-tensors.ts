import type { TensorFields } from '../../../schemas/tensor-fields.ts';
import { MOST_NUMBERS } from '../json/bounds.ts';
import { SPACE } from '../json/cursor.ts';
import { SlicedArrays } from '../json/sliced-arrays.ts';
import { codecFor } from '../numbers/codec.ts';
import { BodyReader, type ReadAt } from './reader.ts';
import { SlicedBodyReader } from './sliced-reader.ts';

const NEWLINE = 0x0a;

/**
 * A JSON body whose tensors are read straight from its bytes: each array of numbers in a field of `fields` becomes a
 * NestedNumbers, what is base64 a SentTensor, and `parse` reads every other value from its text. undefined if that is not faster, or if the body is
 * unusual, wrong, or has more than `mostNames` names. Then read it in the plain way.
 */
export function liftTensors(
  bytes: Buffer,
  fields: TensorFields,
  parse: (text: string) => unknown,
  mostNames = Number.POSITIVE_INFINITY,
): unknown {
  return lift(bytes, fields, parse, arraysOf(bytes), mostNames);
}

/** The same in slices. */
export function* liftInSlices(
  bytes: Buffer,
  fields: TensorFields,
  parse: (text: string) => unknown,
  mostNames: number,
): Generator<void, unknown> {
  const arrays = new SlicedArrays(bytes, MOST_NUMBERS);
  try {
    return yield* new SlicedBodyReader(bytes, fields, parse, arrays, mostNames).runInSlices();
  } catch {
    // The plain way finds the error again and reports it.
    return undefined;
  }
}

/** The same of each line of a text. */
export function liftLines(
  bytes: Buffer,
  fields: TensorFields,
  parse: (text: string) => unknown,
  mostNames: number,
): { readonly line: Buffer; readonly lifted: unknown }[] {
  const read = arraysOf(bytes);
  const lines: { line: Buffer; lifted: unknown }[] = [];
  for (const line of linesOf(bytes)) {
    const from = line.byteOffset - bytes.byteOffset;
    const readHere = (at: number) => {
      const array = read(from + at);
      return array && { shape: array.shape, values: array.values, end: array.end - from };
    };
    lines.push({ line, lifted: lift(line, fields, parse, readHere, mostNames) });
  }
  return lines;
}

/** The lines of a text that ends with a newline; lines of blanks alone are left out. */
export function* linesOf(bytes: Buffer): Generator<Buffer> {
  let start = 0;
  for (let end = bytes.indexOf(NEWLINE); end >= 0; end = bytes.indexOf(NEWLINE, start)) {
    const line = bytes.subarray(start, end);
    start = end + 1;
    if (!isBlank(line)) yield line;
  }
}

/** Reads the arrays of a text. To get a long text ready takes milliseconds, so that is done for the first. */
function arraysOf(bytes: Buffer): ReadAt {
  let read: ReadAt | undefined;
  return (start) => {
    read ??= codecFor(bytes.length).reader(bytes);
    return read(start);
  };
}

function isBlank(line: Buffer): boolean {
  let at = 0;
  while (line[at] === SPACE || line[at] === 0x09 || line[at] === 0x0d) at++;
  return at === line.length;
}

function lift(
  bytes: Buffer,
  fields: TensorFields,
  parse: (text: string) => unknown,
  read: ReadAt,
  mostNames: number,
): unknown {
  try {
    return new BodyReader(bytes, fields, parse, read, mostNames).run();
  } catch {
    // The plain way finds the error again and reports it.
    return undefined;
  }
}
