import { createHash } from 'node:crypto';
import type { InferParameters } from '../../schemas/oip.ts';
import { ID_PATTERN } from '../domain/ids.ts';
import { fieldProblem } from '../domain/problems.ts';

/** Idle time after which a sequence expires, unless its first request sets another. */
const DEFAULT_TTL_SECONDS = 24 * 3600;

/** The sequence that a request is part of. */
export interface Sequence {
  readonly id: bigint | string;
  readonly start: boolean;
  readonly end: boolean;
  readonly ttlSeconds: number;
}

/** Undefined if the request is not part of a sequence. @throws {Problem} invalid-request for a flag without a sequence */
export function sequenceOf(parameters: InferParameters = {}): Sequence | undefined {
  const { sequence_id: id = 0n, sequence_start: start = false, sequence_end: end = false } = parameters;
  if (id === 0n || id === '') {
    if (!start && !end) return undefined;
    const flag = start ? 'sequence_start' : 'sequence_end';
    const detail = `${flag} is set, but there is no sequence_id. Send a whole number from 1 to 2^64-1, or a string.`;
    throw fieldProblem('invalid-request', '/parameters/sequence_id', detail);
  }
  return { id, start, end, ttlSeconds: parameters.cellstep_ttl_seconds ?? DEFAULT_TTL_SECONDS };
}

/**
 * The session of a sequence: `oip.<cell>.<number>`, `oip.<cell>.s-<string>`, or `oip.h-<digest>` if that is not a valid id.
 * The part after the last dot contains no dot, so two sequences never share a session.
 */
export function sessionIdOf(cell: string, id: bigint | string): string {
  const plain = typeof id === 'bigint' ? `oip.${cell}.${id}` : `oip.${cell}.s-${id}`;
  if ((typeof id === 'bigint' || !id.includes('.')) && ID_PATTERN.test(plain)) return plain;
  const digest = createHash('sha256')
    .update(`${cell}\n${typeof id}\n${id}`)
    .digest('base64url');
  return `oip.h-${digest}`;
}
