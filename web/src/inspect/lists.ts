import type { Api } from '../api/client.ts';
import type { Page } from '../api/types.ts';

export const THINGS = ['cells', 'sessions', 'checkpoints'] as const;
export type Things = (typeof THINGS)[number];

const PAGE = 25;

/** A time as the page shows it, in UTC. */
export function when(time: string): string {
  return time.replace('T', ' ').slice(0, 19);
}

/** What a list is asked for; a field that is left out or empty restricts nothing. */
export interface Asked {
  /** What the ids begin with. */
  readonly prefix?: string;
  /** Sessions of this cell. */
  readonly cell?: string;
  readonly cursor?: string;
}

/** A page of things. */
export function listPage<T>(api: Api, things: Things, asked: Asked): Promise<Page<T>> {
  const query = new URLSearchParams({ limit: String(PAGE) });
  for (const [name, value] of Object.entries(asked)) if (value) query.set(name, value);
  return api.get(`v1/${things}?${query}`);
}
