import type { FastifyRequest } from 'fastify';
import type { Page } from '../../services/changes/listing.ts';
import { inTurns } from '../../threads/in-turns.ts';
import { clientOf } from '../callers/callers.ts';
import { listText } from '../json/text.ts';
import { JSON_TYPE, type Reply } from './replies.ts';

/** A page of a list. @throws {Problem} limit-exceeded */
export function pageReply<T>(
  request: FastifyRequest,
  { items, next_cursor }: Page<T>,
  show: (item: T) => object,
): Promise<Reply> {
  return listReply(
    request,
    items.values().map((item) => show(item)),
    ['{"items":', `,"next_cursor":${JSON.stringify(next_cursor)}}`],
  );
}

/** A list in the text around it. Its items are made and printed in turns, as there may be a thousand. @throws {Problem} limit-exceeded */
export async function listReply(
  request: FastifyRequest,
  items: Iterable<object>,
  [before, after]: readonly [before: string, after: string],
): Promise<Reply> {
  const text = await inTurns(listText(items), clientOf(request));
  return { status: 200, headers: { 'content-type': JSON_TYPE }, body: `${before}${text}${after}` };
}
