import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { serialized } from '../../properties/arbitrary-cells.ts';
import { type DrawnNetwork, networks } from '../../properties/networks/networks.ts';
import { FORMATS, type InteropFormat } from '../cases.ts';
import { BOUNDS, PYTORCH_DIFFERS, prepareNetwork } from './keras.ts';
import { layerCases } from './keras-layers.ts';
import { difference, draw, type Sent } from './numbers.ts';
import { nodeCases } from './onnx.ts';
import { moduleCases } from './pytorch.ts';
import type { Service } from './service.ts';
import type { Peers, Suite } from './suite.ts';

/** A cell of a framework, or a network of Keras, and a format that holds it. */
type FileCase =
  | { readonly cell: FileCell; readonly format: string; readonly seed: number }
  | { readonly network: DrawnNetwork; readonly batch: number; readonly format: '.keras' | '.h5' };

interface FileCell {
  readonly framework: 'keras' | 'pytorch' | 'onnx';
  readonly class_name: string;
  readonly config: Readonly<Record<string, unknown>>;
  readonly features: number;
  readonly shapes?: Readonly<Record<string, readonly number[]>>;
}

/**
 * A GRU whose update gate has no bound: z·h + (1 - z)·hh takes numbers of millions from each other, which leaves nothing of
 * them in the float32 of Keras.
 */
const GROWING_GRU = /GRU.*"recurrent_activation":(?!"(?:hard_)?(?:sigmoid|tanh)"|"softsign"|"softmax")/;

/** Some layers are stateful, some cells do not learn: legacy .h5 files list trainable weights first. */
const kerasCells: fc.Arbitrary<FileCell> = fc
  .tuple(layerCases, fc.boolean(), fc.array(fc.boolean(), { minLength: 4, maxLength: 4 }))
  .filter(([{ body }]) => !JSON.stringify(body).includes('"float64"') && !GROWING_GRU.test(JSON.stringify(body)))
  .map(([{ body, features }, stateful, frozen]) => {
    const config = freeze(body.config as Record<string, unknown>, frozen);
    const layer: { class_name: string; config: Record<string, unknown> } = /Cells?$/.test(body.class_name)
      ? { class_name: 'RNN', config: { cell: serialized(body.class_name, config), return_sequences: true } }
      : { class_name: body.class_name, config: { ...config } };
    const own = stateful && layer.class_name !== 'Bidirectional' ? { stateful } : {};
    // Without a merge there are two outputs, of which a Sequential model has none.
    const merged = layer.config.merge_mode === null ? { merge_mode: 'concat' } : {};
    return {
      framework: 'keras',
      class_name: layer.class_name,
      config: { ...layer.config, ...own, ...merged },
      features,
    };
  });

function freeze(config: Record<string, unknown>, [first, second, third]: boolean[]): Record<string, unknown> {
  const cells = config.cells as { config: Record<string, unknown> }[] | undefined;
  const inner = config.cell as { config: Record<string, unknown> } | undefined;
  if (cells) {
    const frozen = [first, second, third];
    return {
      ...config,
      cells: cells.map((cell, k) => ({ ...cell, config: { ...cell.config, trainable: !frozen[k] } })),
    };
  }
  if (inner) return { ...config, cell: { ...inner, config: freeze(inner.config, [first, second, third]) } };
  return config.layer ? config : { ...config, trainable: !first };
}

const pytorchCells = moduleCases.map(
  ({ kind, cell, config, features }): FileCell => ({
    framework: 'pytorch',
    class_name: cell ? `${kind}Cell` : kind,
    config: { ...config, dtype: null },
    features,
  }),
);
const onnxCells = nodeCases.map(
  ({ class_name, config, shapes, features }): FileCell => ({ framework: 'onnx', class_name, config, shapes, features }),
);

const cells = fc.oneof(kerasCells, kerasCells, pytorchCells, onnxCells).chain((cell) => {
  const formats = FORMATS.filter(({ frameworks }) => frameworks.includes(cell.framework));
  return fc.record({
    cell: fc.constant(cell),
    format: fc.constantFrom(...formats.map(({ extension }) => extension)),
    seed: fc.integer({ min: 1, max: 2 ** 30 }),
  });
});

const cases: fc.Arbitrary<FileCase> = fc.oneof(
  cells,
  cells,
  cells,
  fc.record({
    // Files are opened and saved by Keras on PyTorch.
    network: networks(['float32']).filter((network) => !PYTORCH_DIFFERS.test(JSON.stringify(network))),
    batch: fc.integer({ min: 1, max: 3 }),
    format: fc.constantFrom('.keras' as const, '.h5' as const),
  }),
);

const formatOf = (extension: string) => FORMATS.find((format) => format.extension === extension) as InteropFormat;

async function check(one: FileCase, peers: Peers): Promise<void> {
  if ('network' in one) await checkNetwork(one, peers);
  else await checkCell(one, peers);
}

async function checkCell({ cell, format, seed }: Extract<FileCase, { cell: unknown }>, peers: Peers): Promise<void> {
  const { service, torch, directory } = peers;
  const { framework, class_name, config, features, shapes } = cell;
  const [written, path] = ['written', 'saved'].map((name) => join(directory, `${name}${format}`));
  const { accept, mediaType, whole } = formatOf(format);
  const body = {
    framework,
    class_name,
    config,
    ...(shapes ? { shapes } : { input_shape: [null, null, features].slice(isCell(cell) ? 1 : 0) }),
  };
  const made = await service.make(body, seed);
  // A stateful model of Keras takes as many rows as its file says: one, as cellstep writes it.
  const shape = [config.stateful === true ? 1 : 3, 5, features];
  const inputs = [draw(shape, seed + 1, 1), draw(shape, seed + 2, 1)];
  writeFileSync(written, await service.send('GET', '/cells/cell/weights', undefined, { accept }));
  const variables = made.variables.map(({ name, shape, dtype }) => [name, [shape, dtype]]);
  const exchanged = {
    ...{ name: 'case', framework, class_name, features, seed: seed % 2 ** 31, config: made.config },
    inputs: inputs.map(asNumbers),
    variables: Object.fromEntries(variables),
  };
  const opened = await torch.ask<Sent[]>({ kind: 'open_file', case: exchanged, format, path: written });
  same('A file of cellstep', await run(service, inputs), opened);

  const wanted = await torch.ask<Sent[]>({ kind: 'save_file', case: exchanged, format, path });
  const bytes = new Uint8Array(readFileSync(path));
  await service.send('PUT', '/cells/cell/weights', bytes, { 'content-type': mediaType });
  same('A file of the library, put into the cell', await run(service, inputs), wanted);
  // PyTorch's files do not tell the nonlinearity; whether the batch is first has to be said of each.
  if (!whole.includes(framework) || config.nonlinearity === 'relu') return;
  const said = framework === 'pytorch' && !isCell(cell) ? `&config.batch_first=${config.batch_first === true}` : '';
  await service.forget();
  await service.send('POST', `/cells?id=cell${said}`, bytes, { 'content-type': mediaType });
  same('A file of the library, posted', await run(service, inputs), wanted);
}

const isCell = ({ class_name }: FileCell) => /Cells?$/.test(class_name);

function asNumbers({ shape, base64 }: Sent): object {
  const bytes = Buffer.from(base64, 'base64');
  return { shape, data: Array.from(new Float32Array(new Uint8Array(bytes).buffer)) };
}

/** Two sequences, the second of which goes on from the states of the first: of each its output and its states. */
async function run(service: Service, [first, second]: readonly Sent[]): Promise<Sent[]> {
  const before = await service.sequence({ inputs: first });
  return [...before, ...(await service.sequence({ inputs: second, initial_state: before.slice(1) }))];
}

async function checkNetwork(
  { network, batch, format }: Extract<FileCase, { network: unknown }>,
  { service, torch, directory }: Peers,
): Promise<void> {
  const { sent, question } = await prepareNetwork(service, network, batch);
  const [written, path] = ['written', 'saved'].map((name) => join(directory, `${name}${format}`));
  const { accept, mediaType } = formatOf(format);
  writeFileSync(written, await service.send('GET', '/cells/cell/weights', undefined, { accept }));
  const { inputs } = sent;
  const opened = await torch.ask<Sent[]>({ kind: 'open_network', path: written, inputs });
  same('A network of cellstep', (await service.sequence(sent)).slice(0, 1), opened, BOUNDS.network);
  const wanted = await torch.ask<Sent[]>({ kind: 'save_network', ...question, path });
  await service.forget();
  const bytes = new Uint8Array(readFileSync(path));
  await service.send('POST', '/cells?id=cell', bytes, { 'content-type': mediaType });
  same('A network of Keras', (await service.sequence(sent)).slice(0, 1), wanted, BOUNDS.network);
}

function same(what: string, got: readonly Sent[], wanted: readonly Sent[], bound: number = BOUNDS.layer): void {
  const problem = difference(got, wanted, bound);
  if (problem) throw new Error(`${what}: ${problem}`);
}

export const files: Suite<FileCase> = { arbitrary: cases, check };
