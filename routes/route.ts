import type {
  FastifyBaseLogger,
  FastifyInstance,
  RawReplyDefaultExpression,
  RawRequestDefaultExpression,
  RawServerDefault,
} from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import type { z } from 'zod';
import { changeHeaders, noQuery, readHeaders } from '../schemas/common.ts';
import { OPERATIONS, type OperationId } from './operations.ts';

export type App = FastifyInstance<
  RawServerDefault,
  RawRequestDefaultExpression<RawServerDefault>,
  RawReplyDefaultExpression<RawServerDefault>,
  FastifyBaseLogger,
  ZodTypeProvider
>;

interface RouteParts {
  readonly params?: z.ZodType;
  readonly querystring?: z.ZodType;
  readonly headers?: z.ZodType;
  readonly body?: z.ZodType;
  /** The body and the reply may also be files of tensors. */
  readonly tensors?: true;
  /** The successful replies by status; null for a reply without a body. */
  readonly reply: Readonly<Record<number, z.ZodType | null>>;
}

/** A route's schema: the given shapes, and its documentation from the table of operations. */
export function describe<T extends RouteParts>(operationId: OperationId, { reply, ...parts }: T) {
  const operation = OPERATIONS[operationId];
  return { ...parts, operationId, ...operation, reply } as Omit<T, 'reply'> & {
    operationId: OperationId;
    reply: T['reply'];
  };
}

/** The shapes of a route that reads the thing with these ids. */
export function reading<P extends z.ZodType, R extends z.ZodType>(params: P, reply: R) {
  return { params, headers: readHeaders, querystring: noQuery, reply: { 200: reply } } as const;
}

/** The shapes of a route that changes the thing with these ids. */
export function changing<P extends z.ZodType, B extends z.ZodType, R extends z.ZodType>(params: P, body: B, reply: R) {
  return { params, headers: changeHeaders, querystring: noQuery, body, reply: { 200: reply } } as const;
}

/** The shapes of a route that computes with the thing with these ids, and changes nothing. */
export function computing<P extends z.ZodType, B extends z.ZodType, R extends z.ZodType>(params: P, body: B, reply: R) {
  return { params, querystring: noQuery, body, reply: { 200: reply }, tensors: true } as const;
}

/** The shapes of a route that deletes the thing with these ids. */
export function deletion<P extends z.ZodType>(params: P) {
  return { params, headers: changeHeaders, querystring: noQuery, reply: { 204: null } } as const;
}
