import type { GraphConstant, GraphInterface } from '../../domain/graph.ts';
import { isArray, isJsonObject, type Json, type JsonObject } from '../../domain/json.ts';
import { fieldProblem } from '../../domain/problems.ts';
import { DTYPES, type Dtype, sizeOf } from '../../domain/tensor.ts';
import type { GraphOptions } from './graph-interface.ts';

const FOUND: readonly Json[] = ['asked', 'name', 'shape', 'opened'];

/** The config of a cell that is a whole graph: what it takes and gives, and the digest of its file. */
export function graphConfig(graph: GraphInterface, sha256: string): JsonObject {
  return { ...graph, sha256 } as unknown as JsonObject;
}

/** What `graphConfig` has made a config of, which may come from a file. @throws {Problem} invalid-config */
export function parseGraphConfig({ inputs, outputs, states, constants, sha256 }: JsonObject): GraphInterface {
  const fits =
    listOf(inputs, isValue) &&
    listOf(outputs, isValue) &&
    listOf(states, isState) &&
    listOf(constants, isConstant) &&
    /^[0-9a-f]{64}$/.test(String(sha256));
  if (fits) return { inputs, outputs, states, constants } as unknown as GraphInterface;
  const detail = 'A graph comes as a file: send the ONNX file with Content-Type: application/x-onnx and ?graph=true.';
  throw fieldProblem('invalid-config', '/class_name', detail);
}

function listOf(value: Json | undefined, is: (entry: JsonObject) => boolean): boolean {
  return isArray(value) && value.every((entry) => isJsonObject(entry) && is(entry));
}

function isValue({ name, dtype, shape, rows }: JsonObject): boolean {
  if (typeof name !== 'string' || !DTYPES.includes(dtype as Dtype) || !isArray(shape)) return false;
  if (!shape.every((extent) => typeof extent === 'string' || isCount(extent))) return false;
  return rows === null || (isCount(rows) && Number(rows) < shape.length);
}

function isState(entry: JsonObject): boolean {
  return isValue(entry) && typeof entry.output === 'string' && FOUND.includes(entry.found);
}

function isConstant({ name, dtype, shape, values }: JsonObject): boolean {
  if (typeof name !== 'string' || !DTYPES.includes(dtype as Dtype)) return false;
  if (!isArray(shape) || !shape.every(isCount) || !isArray(values)) return false;
  const digits = (value: Json) => typeof value === 'string' && /^-?[0-9]{1,19}$/.test(value);
  return sizeOf(shape.map(Number)) === values.length && (dtype !== 'int64' || values.every(digits));
}

function isCount(value: Json): boolean {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}

/** Whether two configs are of the same graph with the same states and constants, however the states were found. */
export function sameGraph(a: JsonObject, b: JsonObject): boolean {
  const text = (config: JsonObject) => JSON.stringify(config, (key, value) => (key === 'found' ? undefined : value));
  return text(a) === text(b);
}

/** What a request would say to make a cell of this config. @throws {Problem} invalid-config */
export function optionsOfGraph(config: JsonObject): GraphOptions {
  const { states, constants } = parseGraphConfig(config);
  return {
    states: states.map(({ name, output }) => ({ input: name, output })),
    constants: Object.fromEntries(constants.map((constant) => [constant.name, literalOf(constant)])),
  };
}

/** A constant as a request writes it. */
export function literalOf({ dtype, shape, values }: GraphConstant) {
  const integers = dtype === 'int64' ? { integers: BigInt64Array.from(values, (value) => BigInt(value)) } : {};
  return { shape, values: Float64Array.from(values, Number), ...integers };
}
