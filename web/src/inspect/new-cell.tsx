import { useSignal } from '@preact/signals';
import { useRef } from 'preact/hooks';
import type { Cell } from '../api/types.ts';
import { useApp } from '../frame/context.ts';
import { hashOf } from '../frame/place.ts';
import { OptionsCard } from '../play/options-card.tsx';
import { FIRST_SPEC, newCell, type Spec } from '../play/spec.ts';
import { Refusal } from '../ui/field.tsx';
import { FileField, takesFiles } from '../ui/file-field.tsx';
import { formValues, TextField } from '../ui/text-field.tsx';
import { useAttempt } from '../ui/use-attempt.ts';
import { ACCEPTED, weightFileType } from './files.ts';

/** Makes a cell, from options or from a file of weights. */
export function NewCell({ onMade }: { readonly onMade: () => void }) {
  const { api, t, router } = useApp();
  const attempt = useAttempt();
  const spec = useSignal<Spec>(FIRST_SPEC);
  const problem = attempt.problem.value;
  return (
    <>
      <FileCard onMade={onMade} />
      <section class="card" aria-labelledby="new-title">
        <h2 id="new-title">{t('new.cell')}</h2>
        <OptionsCard
          spec={spec.value}
          problem={problem}
          onChange={(next) => {
            spec.value = next;
          }}
        />
        <form
          class="fields"
          onSubmit={(event) => {
            event.preventDefault();
            const { id } = formValues(event.currentTarget);
            attempt.run(async () => {
              const body = { ...(id ? { id } : {}), ...newCell(spec.value, Math.floor(Math.random() * 1e6)) };
              const made = await api.post<Cell>('v1/cells', body);
              onMade();
              router.go(hashOf(['inspect', 'cells', made.id]));
            });
          }}
        >
          <TextField label={t('new.id')} name="id" problem={problem} pointer="/id" />
          <button type="submit" disabled={attempt.busy.value}>
            {t('new.make')}
          </button>
        </form>
      </section>
    </>
  );
}

/** A file of weights becomes a cell. Where it holds several layers, one is chosen. */
function FileCard({ onMade }: { readonly onMade: () => void }) {
  const { api, t } = useApp();
  const attempt = useAttempt();
  const made = useSignal<Cell | undefined>(undefined);
  const file = useSignal<File | undefined>(undefined);
  const unknown = useSignal(false);
  const sending = useRef(new AbortController());
  const take = (taken: File, layer?: string) =>
    attempt.run(async () => {
      sending.current = new AbortController();
      const { signal } = sending.current;
      const type = weightFileType(taken.name);
      file.value = taken;
      made.value = undefined;
      unknown.value = type === undefined;
      if (!type) return;
      const path = `v1/cells${layer === undefined ? '' : `?layer=${encodeURIComponent(layer)}`}`;
      try {
        made.value = await api.json<Cell>('POST', path, { file: taken, headers: { 'content-type': type }, signal });
        onMade();
      } catch (error) {
        if (!signal.aborted) throw error;
      }
    });
  const layers = attempt.problem.value?.layers ?? [];
  return (
    <section class="card drop" aria-labelledby="file-title" {...takesFiles(take)}>
      <h2 id="file-title">{t('file.title')}</h2>
      <FileField label={t('file.hint')} accept={ACCEPTED} onFile={take} />
      {attempt.busy.value && (
        <div class="bar">
          <progress aria-label={t('file.sending')} />
          <button type="button" onClick={() => sending.current.abort()}>
            {t('stop')}
          </button>
        </div>
      )}
      {unknown.value && (
        <p class="error" role="alert">
          {t('file.unknown', { name: file.value?.name ?? '' })}
        </p>
      )}
      <Refusal problem={attempt.problem.value} />
      {layers.length > 0 && (
        <div class="fields" role="group" aria-label={t('file.layers')}>
          {layers.map((layer) => (
            <button type="button" key={layer} onClick={() => file.value && take(file.value, layer)}>
              {layer}
            </button>
          ))}
        </div>
      )}
      {made.value && <Understood cell={made.value} />}
    </section>
  );
}

function Understood({ cell }: { readonly cell: Cell }) {
  const { t } = useApp();
  const skipped = cell.imported?.skipped ?? [];
  return (
    <div role="status">
      <p>
        {t('file.understood', { kind: cell.class_name, framework: cell.framework, count: cell.parameter_count })}{' '}
        <a href={hashOf(['inspect', 'cells', cell.id])}>{cell.id}</a>
      </p>
      <ul>
        {cell.variables.map(({ name, shape }) => (
          <li key={name}>
            <code>{name}</code> [{shape.join(', ')}]
          </li>
        ))}
      </ul>
      {skipped.length > 0 && (
        <>
          <p>{t('file.skipped')}</p>
          <ul>
            {skipped.map(({ name, reason }) => (
              <li key={name}>
                <code>{name}</code>: {reason}
              </li>
            ))}
          </ul>
        </>
      )}
    </div>
  );
}
