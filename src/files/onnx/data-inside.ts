import { Problem } from '../../domain/problems.ts';
import { counted } from '../../domain/words.ts';
import { type FileLimits, requireWithin } from '../bounds.ts';
import { type Beside, dataBeside, nameOfFile, readTensorRecord } from './tensor.ts';
import { FieldBudget, fieldsOf, GRAPH, MODEL, TENSOR } from './wire.ts';
import { bytes as bytesField, encoded } from './write-messages.ts';

/**
 * The same model with the data of its initializers inside, from the files that were sent with it. A path that the model names is
 * never opened; what was not sent stays where it is. All other bytes stay as they are.
 * @throws {Problem} invalid-file where a file was sent that no initializer has its data in, or its data is not there
 */
export function withDataInside(model: Uint8Array, beside: Beside, limits: FileLimits): Uint8Array {
  const budget = new FieldBudget(limits);
  const used = new Set<string>();
  let added = 0;

  const initializer = (message: Uint8Array): Uint8Array | undefined => {
    const record = readTensorRecord(message, budget, 'an initializer');
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
  const rewritten = (message: Uint8Array, field: number, change: (bytes: Uint8Array) => Uint8Array | undefined) => {
    const parts: Uint8Array[] = [];
    for (const { number, bytes, whole } of fieldsOf(message, budget)) {
      const changed = number === field ? change(bytes) : undefined;
      parts.push(changed ? encoded(bytesField(field, changed)) : whole);
    }
    return Buffer.concat(parts);
  };

  const whole = rewritten(model, MODEL.graph, (graph) => rewritten(graph, GRAPH.initializer, initializer));
  const unused = [...beside.keys()].filter((name) => !used.has(name));
  if (unused.length === 0) return whole;
  const detail = `No initializer of the model has its data in '${unused[0].slice(0, 200)}'; ${counted(unused.length, 'file')} of this body would be left out. Send the files that the model names.`;
  throw new Problem('invalid-file', detail);
}
