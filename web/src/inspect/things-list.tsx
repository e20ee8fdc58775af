import { useSignal } from '@preact/signals';
import { useCallback, useEffect } from 'preact/hooks';
import type { Page } from '../api/types.ts';
import { useApp } from '../frame/context.ts';
import { hashOf } from '../frame/place.ts';
import { Field, Refusal } from '../ui/field.tsx';
import { Scroll } from '../ui/scroll.tsx';
import { useAttempt } from '../ui/use-attempt.ts';
import { listPage, type Things } from './lists.ts';

interface Thing {
  readonly id: string;
  readonly cell?: string;
}

interface ListProps<T extends Thing> {
  readonly things: Things;
  readonly columns: readonly { readonly name: string; readonly of: (thing: T) => string }[];
  /** Changes where the list is to be read anew. */
  readonly version: number;
}

/** All things of a kind, a page at a time, or those that a search finds. */
export function ThingsList<T extends Thing>({ things, columns, version }: ListProps<T>) {
  const { api, t, router } = useApp();
  const attempt = useAttempt();
  const listing = useSignal<Page<T> | undefined>(undefined);
  const cursors = useSignal<readonly string[]>([]);
  const { search: prefix = '', cell = '' } = router.place.value.query;
  const load = useCallback(
    (cursor?: string) =>
      attempt.run(async () => {
        listing.value = await listPage<T>(api, things, { prefix, cell, cursor });
      }),
    [api, attempt, listing, things, prefix, cell],
  );
  useEffect(() => {
    cursors.value = [];
    load();
  }, [load, version]);
  const { value: list } = listing;
  const turn = (next: readonly string[]) => {
    cursors.value = next;
    load(next.at(-1));
  };
  const ask = (query: { readonly search: string; readonly cell: string }) =>
    router.go(hashOf(['inspect', things], { search: query.search || undefined, cell: query.cell || undefined }));
  return (
    <section aria-labelledby="list-title">
      <div class="bar">
        <h2 id="list-title">{t(`things.${things}`)}</h2>
        <form role="search" class="fields" onSubmit={(event) => event.preventDefault()}>
          <Search label={t('list.search')} key={things} value={prefix} onSearch={(search) => ask({ search, cell })} />
          {things === 'sessions' && (
            <Search label={t('list.of.cell')} value={cell} onSearch={(of) => ask({ search: prefix, cell: of })} />
          )}
        </form>
      </div>
      <Refusal problem={attempt.problem.value} />
      {list && list.items.length === 0 && (
        <p class="hint">{prefix || cell ? t('list.none.found') : t(`list.none.${things}`)}</p>
      )}
      {list && list.items.length > 0 && (
        <Scroll label={t(`things.${things}`)}>
          <table class="things">
            <thead>
              <tr>
                <th scope="col">{t('list.id')}</th>
                {columns.map(({ name }) => (
                  <th scope="col" key={name}>
                    {name}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {list.items.map((thing) => (
                <tr key={thing.id}>
                  <th scope="row">
                    <a href={hashOf(['inspect', things, thing.id])}>{thing.id}</a>
                  </th>
                  {columns.map(({ name, of }) => (
                    <td key={name}>{of(thing)}</td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </Scroll>
      )}
      <div class="bar">
        <button type="button" disabled={cursors.value.length === 0} onClick={() => turn(cursors.value.slice(0, -1))}>
          {t('list.former')}
        </button>
        <button
          type="button"
          disabled={!list?.next_cursor}
          onClick={() => turn([...cursors.value, list!.next_cursor!])}
        >
          {t('list.next')}
        </button>
        <button type="button" onClick={() => load(cursors.value.at(-1))}>
          {t('list.again')}
        </button>
      </div>
    </section>
  );
}

interface SearchProps {
  readonly label: string;
  readonly value: string;
  readonly onSearch: (text: string) => void;
}

function Search({ label, value, onSearch }: SearchProps) {
  return (
    <Field label={label}>
      {(attributes) => (
        <input
          {...attributes}
          type="search"
          defaultValue={value}
          onChange={(event) => onSearch(event.currentTarget.value.trim())}
        />
      )}
    </Field>
  );
}
