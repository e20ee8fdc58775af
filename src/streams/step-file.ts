import type { z } from 'zod';
import { stepsFile } from '../../schemas/stream.ts';
import { TensorReply } from '../../schemas/tensor.ts';
import { tensorFieldsOf } from '../../schemas/tensor-fields.ts';
import type { TensorFile } from '../domain/files.ts';
import { fieldProblem } from '../domain/problems.ts';
import { allocate, formatShape, sameShape, Tensor } from '../domain/tensor.ts';
import { SentTensor } from '../domain/tensor-literal.ts';
import { bodyOfFile } from '../http/bodies/tensor-file.ts';
import { checkShape } from '../http/bodies/validation.ts';
import { MOST_ANSWER_BYTES } from './many-steps.ts';

/** The fields of an answer. */
export interface StepFields {
  readonly output?: TensorReply;
  readonly states?: readonly TensorReply[];
  readonly [field: string]: unknown;
}

/** The message that a row is. */
interface StepRow {
  readonly session: string;
  readonly inputs: SentTensor;
  readonly return_states: boolean;
  key?: string;
  if_match?: number;
}

const FIELDS = tensorFieldsOf(stepsFile);

/**
 * The answers as a file: `output` [n, width] and, if requested, `states.0` …, with a row for each step, and `results` in the
 * metadata. A refused row has zeros. If the outputs differ in width or dtype, or there would be far more zeros than outputs, each
 * is a tensor of its own: `output.3` for the fourth.
 */
export function fileOfAnswers(answers: readonly StepFields[]): TensorFile {
  const stacked = new StackedTensors();
  stacked.put(
    'output',
    answers.map(({ output }) => output?.tensor),
  );
  let states = 0;
  for (const answer of answers) while (stateAt(answer, states)) states++;
  for (let k = 0; k < states; k++) {
    stacked.put(
      `states.${k}`,
      answers.map((answer) => stateAt(answer, k)?.tensor),
    );
  }
  return { tensors: stacked.tensors, metadata: { results: JSON.stringify(answers.map(plainOf)) } };
}

/** The fields that are no tensors. */
function plainOf(answer: StepFields): Record<string, unknown> {
  const plain: Record<string, unknown> = {};
  for (const name in answer) {
    const value = answer[name];
    if (value instanceof TensorReply || (Array.isArray(value) && value[0] instanceof TensorReply)) continue;
    plain[name] = value;
  }
  return plain;
}

/** The steps of a file as messages. @throws {Problem | RequestShapeError} */
export function itemsOfFile(file: TensorFile, parseJson: (text: string) => unknown): object[] {
  return rowsOf(checkShape(stepsFile, bodyOfFile(file, FIELDS, parseJson)));
}

/** A message for each row. @throws {Problem} wrong-shape */
function rowsOf({ inputs, sessions, keys, if_match: versions, return_states }: z.output<typeof stepsFile>): object[] {
  const tensor = inputs instanceof SentTensor ? inputs.tensor : undefined;
  const [rows, features] = inputs.shape;
  if (!tensor || inputs.shape.length !== 2 || rows !== sessions.length) {
    const detail = `'inputs' has shape ${formatShape(inputs.shape)}. Send [${sessions.length}, features], a row for each of sessions.`;
    throw fieldProblem('wrong-shape', '/inputs', detail);
  }
  for (const [name, list] of Object.entries({ keys, if_match: versions })) {
    if (!list || list.length === sessions.length) continue;
    throw fieldProblem(
      'invalid-request',
      `/${name}`,
      `${name} has ${list.length} entries, sessions has ${sessions.length}.`,
    );
  }
  const shape = [1, features];
  return sessions.map((session, row) => {
    const values = tensor.data.subarray(row * features, (row + 1) * features);
    const item: StepRow = { session, inputs: new SentTensor(new Tensor(tensor.dtype, shape, values)), return_states };
    const key = keys?.[row] ?? undefined;
    const version = versions?.[row] ?? undefined;
    if (key !== undefined) item.key = key;
    if (version !== undefined) item.if_match = version;
    return item;
  });
}

/** A replayed answer has its states under the names of their places. */
function stateAt(answer: StepFields, k: number): TensorReply | undefined {
  return answer.states?.[k] ?? (answer.replayed ? (answer[`states.${k}`] as TensorReply | undefined) : undefined);
}

/** About how many bytes the answer takes. */
export function sizeOfFields({ output, states = [] }: StepFields): number {
  let bytes = output?.tensor.data.byteLength ?? 0;
  for (const { tensor } of states) bytes += tensor.data.byteLength;
  return bytes;
}

/** Puts the tensors of all answers into a file. */
class StackedTensors {
  readonly tensors = new Map<string, Tensor>();
  /** Bytes of the zeros that there still may be for refused rows. */
  private left = MOST_ANSWER_BYTES;

  /** Stacks tensors of one shape and dtype; otherwise keeps each as it is. */
  put(name: string, parts: readonly (Tensor | undefined)[]): void {
    const there = parts.filter((part) => part !== undefined);
    if (there.length === 0) return;
    const [{ dtype, shape, data: first }] = there;
    const alike = there.every((part) => part.dtype === dtype && sameShape(part.shape, shape));
    const zeros = (parts.length - there.length) * first.byteLength;
    if (!alike || shape.length !== 2 || shape[0] !== 1 || zeros > this.left) {
      for (const [k, part] of parts.entries()) if (part) this.tensors.set(`${name}.${k}`, part);
      return;
    }
    this.left -= zeros;
    const [, width] = shape;
    const data = allocate(dtype, width * parts.length);
    for (const [k, part] of parts.entries()) if (part) data.set(part.data as never, k * width);
    this.tensors.set(name, new Tensor(dtype, [parts.length, width], data));
  }
}
