import type { TensorFile } from './safetensors.ts';
import { Tensor, type TensorLike } from './tensor.ts';

type Fields = Readonly<Record<string, unknown>>;

/** A request as a file: tensors by their names (`states` as `states.0`, `states.1` …), other fields as JSON text. */
export function fileOf(
  tensors: Readonly<Record<string, TensorLike | readonly TensorLike[] | undefined>>,
  fields: Fields,
  lists: readonly string[] = ['states'],
): TensorFile {
  const named = new Map<string, Tensor>();
  for (const [name, value] of Object.entries(tensors)) {
    if (value === undefined) continue;
    if (!lists.includes(name)) named.set(name, Tensor.from(value as TensorLike));
    else
      for (const [i, item] of (value as readonly TensorLike[]).entries()) named.set(`${name}.${i}`, Tensor.from(item));
  }
  const metadata: Record<string, string> = {};
  for (const [name, value] of Object.entries(fields)) if (value !== undefined) metadata[name] = JSON.stringify(value);
  return { tensors: named, metadata };
}

/** What may be sent as the inputs of a step: one tensor, or those of a whole ONNX graph by name. */
export type Inputs = TensorLike | { readonly [name: string]: TensorLike };

/** The tensors of inputs as a request names them: `inputs`, or `inputs.<name>` each. */
export function inputsOf(inputs: Inputs): Record<string, TensorLike> {
  const named = typeof inputs === 'object' && !Array.isArray(inputs) && !ArrayBuffer.isView(inputs);
  if (!named || inputs instanceof Tensor) return { inputs: inputs as TensorLike };
  return Object.fromEntries(Object.entries(inputs).map(([name, value]) => [`inputs.${name}`, value]));
}

/** The outputs of a whole ONNX graph by their names; empty for any other cell. */
export function outputsOf({ tensors }: TensorFile): ReadonlyMap<string, Tensor> {
  const prefix = 'outputs.';
  const named = [...tensors].filter(([name]) => name.startsWith(prefix));
  return new Map(named.map(([name, tensor]) => [name.slice(prefix.length), tensor]));
}

/** The tensor of a reply. @throws {RangeError} where the reply lacks it */
export function tensorOf({ tensors }: TensorFile, name: string): Tensor {
  const tensor = tensors.get(name);
  if (!tensor) throw new RangeError(`The reply has no tensor '${name}'.`);
  return tensor;
}

/** The tensors `name.0`, `name.1` … of a reply. */
export function listOf({ tensors }: TensorFile, name: string): Tensor[] {
  const list: Tensor[] = [];
  for (let i = 0; tensors.has(`${name}.${i}`); i++) list.push(tensorOf({ tensors, metadata: {} }, `${name}.${i}`));
  return list;
}

/** A field of a reply that is not a tensor. */
export function fieldOf<T>({ metadata }: TensorFile, name: string): T {
  return JSON.parse(metadata[name] ?? 'null') as T;
}
