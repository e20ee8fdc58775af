import type { FastifyRequest } from 'fastify';
import type { Page } from '../services/changes/listing.ts';
import { inTurns } from '../threads/in-turns.ts';
import { clientOf } from './callers.ts';
import { listText } from './json-text.ts';
import { JSON_TYPE, type Reply } from './replies.ts';

/** A page of a list: its items are shown and printed in turns, as there may be a thousand. @throws {Problem} limit-exceeded */
export async function pageReply<T>(
  request: FastifyRequest,
  { items, next_cursor }: Page<T>,
  show: (item: T) => object,
): Promise<Reply> {
  const text = await inTurns(listText(shown(items, show)), clientOf(request));
  const body = `{"items":${text},"next_cursor":${JSON.stringify(next_cursor)}}`;
  return { status: 200, headers: { 'content-type': JSON_TYPE }, body };
}

/** Each is made when it is printed. */
function* shown<T>(items: readonly T[], show: (item: T) => object): Generator<object> {
  for (const item of items) yield show(item);
}
