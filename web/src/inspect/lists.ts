import type { Api } from '../api/client.ts';
import type { Page } from '../api/types.ts';

export const THINGS = ['cells', 'sessions', 'checkpoints'] as const;
export type Things = (typeof THINGS)[number];

const PAGE = 25;
/** A search looks through so many things at most. */
export const SEARCHED = 5000;
const SEARCHED_AT_ONCE = 1000;

export interface Listing<T> {
  readonly items: readonly T[];
  readonly next: string | null;
  /** A search ended before it had seen everything. */
  readonly partial: boolean;
}

/** A page of things, from a cursor on. */
export async function listPage<T>(api: Api, things: Things, cursor: string | undefined): Promise<Listing<T>> {
  const { items, next_cursor } = await api.get<Page<T>>(
    `v1/${things}?limit=${PAGE}${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ''}`,
  );
  return { items, next: next_cursor, partial: false };
}

/** The things whose id, or whose cell's id, has the text in it. */
export async function search<T extends { readonly id: string; readonly cell?: string }>(
  api: Api,
  things: Things,
  text: string,
): Promise<Listing<T>> {
  const found: T[] = [];
  let seen = 0;
  let cursor: string | null = '';
  while (cursor !== null && seen < SEARCHED && found.length < PAGE) {
    const page: Page<T> = await api.get(
      `v1/${things}?limit=${SEARCHED_AT_ONCE}${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ''}`,
    );
    found.push(...page.items.filter(({ id, cell = '' }) => id.includes(text) || cell.includes(text)));
    seen += page.items.length;
    cursor = page.next_cursor;
  }
  return { items: found.slice(0, PAGE), next: null, partial: cursor !== null || found.length > PAGE };
}
