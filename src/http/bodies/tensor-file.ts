import { TensorReply } from '../../../schemas/tensor.ts';
import type { TensorFields } from '../../../schemas/tensor-fields.ts';
import type { TensorFile } from '../../domain/files.ts';
import { child, fieldProblem, Problem } from '../../domain/problems.ts';
import type { Tensor } from '../../domain/tensor.ts';
import { SentTensor } from '../../domain/tensor-literal.ts';

/** Entries that frameworks write into the metadata of every file. They have no meaning here. */
const NO_FIELD = 'format';

/**
 * Turns a file of tensors into a body. `inputs` is a field, `states.0` an entry of the list `states`, and every entry of the
 * metadata a field as JSON text. The schema then checks the fields.
 * @throws {Problem} invalid-request if a name is unknown, a list has a gap or metadata is not JSON
 */
export function bodyOfFile(
  { tensors, metadata }: TensorFile,
  fields: TensorFields,
  parseJson: (text: string) => unknown,
): Record<string, unknown> {
  const body = new Map<string, unknown>();
  const lists = new Map<string, SentTensor[]>();
  for (const [name, tensor] of tensors) {
    const sent = new SentTensor(tensor);
    const named = fields.get(NAMED) === 'map' && name.startsWith(NAMED_PREFIX) ? name.slice(NAMED_PREFIX.length) : '';
    if (named !== '') {
      body.set(NAMED, { ...(body.get(NAMED) as object), [named]: sent });
      continue;
    }
    const { field, index } = placeOf(name);
    const kind = fields.get(field);
    const fits = index === undefined ? kind === 'tensor' || kind === 'states' : kind === 'states' || kind === 'list';
    if (!fits) throw noTensor(name, fields);
    if (index === undefined) {
      body.set(field, sent);
      continue;
    }
    const list = lists.get(field) ?? [];
    lists.set(field, list);
    if (index >= tensors.size) throw gap(field, index);
    list[index] = sent;
  }
  for (const [field, list] of lists) {
    for (let i = 0; i < list.length; i++) if (!list[i]) throw gap(field, i);
    if (body.has(field)) throw twice(field);
    body.set(field, list);
  }
  for (const [field, text] of Object.entries(metadata)) {
    if (field === NO_FIELD) continue;
    if (body.has(field)) throw twice(field);
    body.set(field, readField(field, text, parseJson));
  }
  return Object.fromEntries(body);
}

/** `inputs.sr` is the input sr of a graph. */
const NAMED = 'named_inputs';
const NAMED_PREFIX = 'inputs.';

/** `states.0` is place 0 of states. */
function placeOf(name: string): { field: string; index?: number } {
  const [, field = name, index] = /^(.*)\.(0|[1-9][0-9]{0,6})$/.exec(name) ?? [];
  return index === undefined ? { field } : { field, index: Number(index) };
}

function noTensor(name: string, fields: TensorFields): Problem {
  const known = [...fields].flatMap(([field, kind]) => {
    if (kind === 'list') return [`${field}.0 …`];
    return kind === 'states' ? [field, `${field}.0 …`] : kind === 'tensor' ? [field] : [];
  });
  const detail = `Unknown tensor '${name.slice(0, 80)}'. Send ${known.join(', ')}; other fields as JSON in __metadata__.`;
  return fieldProblem('invalid-request', pointerOf(name), detail);
}

function gap(field: string, missing: number): Problem {
  const detail = `Tensor '${field}.${missing}' is missing. Send ${field}.0, ${field}.1 … without a gap.`;
  return fieldProblem('invalid-request', pointerOf(field), detail);
}

function twice(field: string): Problem {
  const detail = `'${field.slice(0, 80)}' was sent twice. Send it once: as one tensor, as tensors of a list, or in __metadata__.`;
  return fieldProblem('invalid-request', pointerOf(field), detail);
}

function readField(field: string, text: string, parseJson: (text: string) => unknown): unknown {
  try {
    return parseJson(text);
  } catch (error) {
    const what = error instanceof Error ? error.message : `${error}`;
    const detail = `'${field.slice(0, 80)}' in __metadata__ is not JSON: ${what} A string needs its quotes.`;
    throw new Problem('invalid-request', detail, { errors: [{ pointer: pointerOf(field), detail }] });
  }
}

function pointerOf(name: string): string {
  return child('', name.slice(0, 80));
}

/**
 * A reply as a file: its tensors by their places (`output`, `states.0`, `trace.z.before`), and every field without a
 * tensor as JSON text in the metadata.
 */
export function fileOfReply(body: object): TensorFile {
  const tensors = new Map<string, Tensor>();
  const metadata: Record<string, string> = {};
  for (const [field, value] of Object.entries(body)) {
    const before = tensors.size;
    gather(field, value, tensors);
    if (tensors.size === before && value !== undefined) metadata[field] = JSON.stringify(value);
  }
  return { tensors, metadata };
}

function gather(name: string, value: unknown, tensors: Map<string, Tensor>): void {
  if (value instanceof TensorReply) tensors.set(name, value.tensor);
  else if (typeof value === 'object' && value !== null)
    for (const [key, part] of Object.entries(value)) gather(`${name}.${key}`, part, tensors);
}
