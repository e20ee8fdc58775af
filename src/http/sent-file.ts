import type { FastifyRequest } from 'fastify';
import type { Json, JsonObject } from '../domain/json.ts';
import { OCTET_STREAM, WEIGHT_FILE_TYPES } from '../domain/media-types.ts';
import { fieldProblem } from '../domain/problems.ts';
import { mediaTypeOf } from './binary-body.ts';

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

/** @throws {Problem} invalid-request if a parameter for files comes with a JSON body */
export function refuseFileQuery(query: Readonly<Record<string, unknown>>): void {
  const name = Object.keys(query).find((key) => query[key] !== undefined);
  if (name === undefined) return;
  const detail = `?${name} is only for a body that is a file. Leave it out: a JSON body has fields for this.`;
  throw fieldProblem('invalid-request', `?${name}`, detail);
}
