import { Problem } from '../../domain/problems.ts';
import { counted } from '../../domain/words.ts';
import { type FileLimits, requireWithin } from '../bounds.ts';
import { MAX_DEPTH } from './graph-tree.ts';
import { type Beside, dataBeside, nameOfFile, readTensorRecord } from './tensor.ts';
import { ATTRIBUTE, FieldBudget, fieldsOf, GRAPH, MODEL, NODE, TENSOR } from './wire.ts';
import { bytes as bytesField, encoded } from './write-messages.ts';

/** What a message is, or what one of its fields holds. */
type Kind = 'model' | 'graph' | 'node' | 'attribute' | 'tensor';

/** The fields that hold tensors, or messages with tensors. */
const HOLDING: Readonly<Record<Exclude<Kind, 'tensor'>, Readonly<Record<number, Kind>>>> = {
  model: { [MODEL.graph]: 'graph' },
  graph: { [GRAPH.node]: 'node', [GRAPH.initializer]: 'tensor' },
  node: { [NODE.attribute]: 'attribute' },
  attribute: {
    [ATTRIBUTE.t]: 'tensor',
    [ATTRIBUTE.tensors]: 'tensor',
    [ATTRIBUTE.g]: 'graph',
    [ATTRIBUTE.graphs]: 'graph',
  },
};

/**
 * The same model with the data of its tensors inside, from the files that were sent with it: of initializers and of attributes, also
 * in graphs within the graph. A path that the model names is never opened; what was not sent stays where it is, and so does the data
 * of sparse tensors. All other bytes stay as they are.
 * @throws {Problem} invalid-file where a file was sent that no tensor has its data in, or its data is not there
 */
export function withDataInside(model: Uint8Array, beside: Beside, limits: FileLimits): Uint8Array {
  const budget = new FieldBudget(limits);
  const used = new Set<string>();
  let added = 0;

  const inside = (message: Uint8Array): Uint8Array | undefined => {
    const record = readTensorRecord(message, budget, 'a tensor');
    const data = dataBeside(record, beside);
    if (!data) return undefined;
    used.add(nameOfFile(record.external?.get('location') ?? ''));
    added += data.length;
    requireWithin('ONNX', 'bytes with its data inside', model.length + added, limits.maxFileBytes);
    const kept = [...fieldsOf(message, budget)].filter(
      ({ number }) => number !== TENSOR.externalData && number !== TENSOR.dataLocation,
    );
    return Buffer.concat([...kept.map(({ whole }) => whole), encoded(bytesField(TENSOR.rawData, data))]);
  };
  /** Undefined where it stays as it is: also below graphs within each other that are refused when they are read. */
  const rewritten = (message: Uint8Array, kind: Kind, depth: number): Uint8Array | undefined => {
    if (kind === 'tensor') return inside(message);
    if (depth > MAX_DEPTH) return undefined;
    const parts: Uint8Array[] = [];
    let isChanged = false;
    for (const { number, bytes, whole } of fieldsOf(message, budget)) {
      const own = HOLDING[kind][number];
      const changed = own && rewritten(bytes, own, own === 'graph' ? depth + 1 : depth);
      isChanged ||= changed !== undefined;
      parts.push(changed ? encoded(bytesField(number, changed)) : whole);
    }
    return isChanged ? Buffer.concat(parts) : undefined;
  };

  const whole = rewritten(model, 'model', 0) ?? model;
  const unused = [...beside.keys()].filter((name) => !used.has(name));
  if (unused.length === 0) return whole;
  const detail = `No tensor of the model has its data in '${unused[0].slice(0, 200)}'; ${counted(unused.length, 'file')} of this body would be left out. Send the files that the model names.`;
  throw new Problem('invalid-file', detail);
}
