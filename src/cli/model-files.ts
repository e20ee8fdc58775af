import { readFile, writeFile } from 'node:fs/promises';
import { extname } from 'node:path';
import type { SentFileType, WeightFileType } from '../../clients/typescript/src/index.ts';
import { SERVICE_USAGE, serviceArguments, UsageError } from './options.ts';

export const IMPORT_USAGE = `usage: cellstep import FILE [--id ID] [--layer NAME] [--set name=value …] ${SERVICE_USAGE}
Makes a cell from a .keras, .h5, .onnx, .npz, .safetensors, .pt or .pth file and prints its id.
--set sends any field that the API takes in the query, such as config.batch_first=true or 'config.chain=["embedding","lstm","head"]'.`;
export const EXPORT_USAGE = `usage: cellstep export CELL --output FILE ${SERVICE_USAGE}
Writes the weights of a cell; the file's extension says how: .keras, .h5, .onnx, .npz or .safetensors.`;

const TYPES: Readonly<Record<string, WeightFileType>> = {
  '.keras': 'application/x-keras',
  '.h5': 'application/x-hdf5',
  '.hdf5': 'application/x-hdf5',
  '.onnx': 'application/x-onnx',
  '.npz': 'application/x-npz',
  '.safetensors': 'application/x-safetensors',
};

/** Extensions that can be read but not written. */
const SENT_TYPES: Readonly<Record<string, SentFileType>> = {
  ...TYPES,
  '.pt': 'application/x-pytorch',
  '.pth': 'application/x-pytorch',
};

function typeOf<Type>(types: Readonly<Record<string, Type>>, path: string): Type {
  const extension = extname(path).toLowerCase();
  if (Object.hasOwn(types, extension)) return types[extension];
  throw new UsageError(`'${path}' has none of the extensions ${Object.keys(types).join(', ')}.`);
}

export async function importCommand(args: readonly string[]): Promise<void> {
  const options = {
    id: { type: 'string' },
    layer: { type: 'string' },
    set: { type: 'string', multiple: true },
  } as const;
  const { argument: path, values, client } = serviceArguments(args, 'FILE', options);
  const { id, layer, set = [] } = values as { id?: string; layer?: string; set?: string[] };
  const fields = set.map((text): [string, string] => {
    const [, name, value] = /^([^=]+)=(.*)$/s.exec(text) ?? [];
    if (name === undefined) throw new UsageError(`--set '${text}' is not name=value.`);
    return [name, value];
  });
  const query = { ...(id === undefined ? {} : { id }), ...(layer === undefined ? {} : { layer }) };
  const type = typeOf(SENT_TYPES, path);
  const cell = await client.cells.import(type, new Uint8Array(await readFile(path)), {
    ...query,
    ...Object.fromEntries(fields),
  });
  const { class_name, parameter_count } = await cell.describe();
  process.stderr.write(`${class_name} with ${parameter_count ?? 'no'} parameters\n`);
  process.stdout.write(`${cell.id}\n`);
}

export async function exportCommand(args: readonly string[]): Promise<void> {
  const options = { output: { type: 'string', short: 'o' } } as const;
  const { argument: id, values, client } = serviceArguments(args, 'CELL', options);
  const { output } = values as { output?: string };
  if (output === undefined) throw new UsageError('Send --output FILE.');
  const bytes = await client.cells.get(id).weightFile(typeOf(TYPES, output));
  await writeFile(output, bytes);
  process.stderr.write(`${bytes.length} bytes in ${output}\n`);
}
