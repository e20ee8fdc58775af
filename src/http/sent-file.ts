import type { FastifyRequest } from 'fastify';
import { fieldProblem } from '../domain/problems.ts';
import { mediaTypeOf } from './binary-body.ts';

/** A body that is a file, as the use cases take it. */
export function sentFile(request: Pick<FastifyRequest, 'headers'>, bytes: Uint8Array, layer: string | undefined) {
  return { mediaType: mediaTypeOf(request.headers['content-type']), bytes, ...(layer === undefined ? {} : { layer }) };
}

/** @throws {Problem} invalid-request where a parameter that is for files stands beside a JSON body */
export function refuseFileQuery(query: Readonly<Record<string, unknown>>): void {
  const name = Object.keys(query).find((key) => query[key] !== undefined);
  if (name === undefined) return;
  const detail = `?${name} is for a body that is a file. Leave it out; a JSON body says all by itself.`;
  throw fieldProblem('invalid-request', `?${name}`, detail);
}
