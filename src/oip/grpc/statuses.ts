import { Metadata, type ServerErrorResponse, status } from '@grpc/grpc-js';
import type { Problem } from '../../domain/problems.ts';
import { type HttpReply, textOfBytes } from './calls.ts';

/** HTTP statuses and their gRPC statuses. Other errors of a request are INVALID_ARGUMENT. */
const STATUSES = new Map([
  [401, status.UNAUTHENTICATED],
  [403, status.PERMISSION_DENIED],
  [404, status.NOT_FOUND],
  [405, status.UNIMPLEMENTED],
  [408, status.DEADLINE_EXCEEDED],
  [409, status.FAILED_PRECONDITION],
  [413, status.RESOURCE_EXHAUSTED],
  [429, status.RESOURCE_EXHAUSTED],
  [500, status.INTERNAL],
  [501, status.UNIMPLEMENTED],
  [503, status.UNAVAILABLE],
  [507, status.RESOURCE_EXHAUSTED],
]);

/** Headers of a reply that become metadata of the call. */
const SHOWN = ['x-request-id', 'idempotency-replayed', 'ratelimit', 'ratelimit-policy', 'retry-after'];

/** How a call fails. */
export type CallFailure = Pick<ServerErrorResponse, 'code' | 'details'> & { readonly metadata: Metadata };

export function failureOf({ status: code, headers, body }: HttpReply): CallFailure {
  return { code: codeOf(code), details: errorText(body), metadata: metadataOf(headers) };
}

export function failureOfProblem({ status: code, message }: Problem): CallFailure {
  return { code: codeOf(code), details: message, metadata: new Metadata() };
}

export function metadataOf(headers: HttpReply['headers']): Metadata {
  const metadata = new Metadata();
  for (const name of SHOWN) if (headers[name] !== undefined) metadata.set(name, String(headers[name]));
  return metadata;
}

function codeOf(code: number): status {
  return STATUSES.get(code) ?? status.INVALID_ARGUMENT;
}

/** The text of a problem document. */
function errorText(body: HttpReply['body']): string {
  const { error, detail } = JSON.parse(textOfBytes(body));
  return error ?? detail;
}
