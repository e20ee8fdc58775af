import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import { tensorLiteral } from '../../../schemas/tensor.ts';
import type { SentGraph } from '../../domain/graph.ts';
import type { Json, JsonObject } from '../../domain/json.ts';
import { MULTIPART, OCTET_STREAM, ONNX, WEIGHT_FILE_TYPES } from '../../domain/media-types.ts';
import { fieldProblem, Problem } from '../../domain/problems.ts';
import type { TensorLiteral } from '../../domain/tensor-literal.ts';
import { mediaTypeOf } from '../bodies/binary-body.ts';

/** The parameters that a whole graph takes. */
const GRAPH_QUERY = ['id', 'graph', 'dry_run', 'states', 'constants'];

/** A body that is a file, as the use cases take it. */
export function sentFile(
  { headers, fileParts }: Pick<FastifyRequest, 'headers' | 'fileParts'>,
  bytes: Uint8Array,
  layer: string | undefined,
) {
  const named = layer === undefined ? {} : { layer };
  if (!fileParts) return { mediaType: mediaTypeOf(headers['content-type']), bytes, ...named };
  const known = WEIGHT_FILE_TYPES.find((type) => type === mediaTypeOf(fileParts.mediaType));
  return { mediaType: known ?? OCTET_STREAM, bytes, beside: fileParts.beside, ...named };
}

/**
 * The options of the config in a query, such as `config.units=3`, by their dotted names.
 * @throws {Problem} invalid-request if a value is not JSON
 */
export function configOptions(query: Readonly<Record<string, string | undefined>>): JsonObject {
  const options = Object.entries(query).filter(([name]) => name.startsWith('config.'));
  return Object.fromEntries(options.map(([name, text = '']) => [name.slice('config.'.length), readOption(name, text)]));
}

function readOption(name: string, text: string): Json {
  try {
    return JSON.parse(text);
  } catch {
    const detail = `?${name} is ${text.slice(0, 80)}, which is not JSON. A string needs its quotes: ?${name}="tanh".`;
    throw fieldProblem('invalid-request', `?${name}`, detail);
  }
}

/** The options for a whole graph. @throws {Problem} invalid-request */
export function graphOptions(query: {
  readonly graph?: boolean;
  readonly dry_run?: boolean;
  readonly states?: string;
  readonly constants?: string;
}) {
  const alone = (['dry_run', 'states', 'constants'] as const).find((name) => query[name] !== undefined);
  if (!query.graph && alone) {
    throw fieldProblem('invalid-request', `?${alone}`, `?${alone} is for whole graphs. Send ?graph=true with it.`);
  }
  const states = query.states === undefined ? {} : { states: statesOf(query.states) };
  return { ...states, constants: constantsOf(query.constants ?? '{}') };
}

/** `input:output,input:output`; or JSON, `{"input":"output"}`, for names with a colon or a comma. */
function statesOf(text: string) {
  if (text.startsWith('{')) {
    const parsed = z.record(z.string(), z.string()).safeParse(readOption('states', text));
    if (parsed.success) return Object.entries(parsed.data).map(([input, output]) => ({ input, output }));
    throw fieldProblem('invalid-request', '?states', '?states is JSON that is not {"input":"output"}.');
  }
  return text.split(',').flatMap((pair) => {
    if (pair === '') return [];
    const [input, output, ...rest] = pair.split(':');
    if (input && output && rest.length === 0) return [{ input, output }];
    const detail = `?states has '${pair.slice(0, 80)}'. Send input:output,input:output, or {"input":"output"} for names with a colon or a comma.`;
    throw fieldProblem('invalid-request', '?states', detail);
  });
}

function constantsOf(text: string): Record<string, TensorLiteral> {
  const json = readOption('constants', text);
  const parsed = z.record(z.string().max(200), tensorLiteral).safeParse(json);
  if (parsed.success) return parsed.data;
  const [{ path, message }] = parsed.error.issues;
  throw fieldProblem('invalid-request', ['?constants', ...path].join('/'), `?constants: ${message}`);
}

/** A whole graph, and the files sent with it. @throws {Problem} unsupported-media-type, invalid-request */
export function sentGraph(
  { headers, fileParts, query }: Pick<FastifyRequest, 'headers' | 'fileParts' | 'query'>,
  bytes: Uint8Array,
): SentGraph {
  const type = mediaTypeOf(headers['content-type']);
  if (!fileParts && type !== ONNX && type !== OCTET_STREAM) {
    const detail = `A whole graph is an ONNX file; this body is ${type}. Send Content-Type: ${ONNX}, or ${MULTIPART} with the files that hold its data.`;
    throw new Problem('unsupported-media-type', detail);
  }
  const others = Object.keys(query as object).filter((name) => !GRAPH_QUERY.includes(name));
  if (others.length === 0) return { bytes, ...(fileParts ? { beside: fileParts.beside } : {}) };
  throw fieldProblem('invalid-request', `?${others[0]}`, `?${others[0]} is not for a whole graph. Leave it out.`);
}

/** @throws {Problem} invalid-request if a parameter for files comes with a JSON body */
export function refuseFileQuery(query: Readonly<Record<string, unknown>>): void {
  const name = Object.keys(query).find((key) => query[key] !== undefined);
  if (name === undefined) return;
  const detail = `?${name} is only for a body that is a file. Leave it out: a JSON body has fields for this.`;
  throw fieldProblem('invalid-request', `?${name}`, detail);
}
