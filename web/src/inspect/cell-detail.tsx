import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import type { Cell, Tensor, WeightsReply } from '../api/types.ts';
import { CellView } from '../cell/cell-view.tsx';
import { useApp } from '../frame/context.ts';
import { hashOf } from '../frame/place.ts';
import { layersOf } from '../model/layers.ts';
import { rows } from '../numbers/numbers.ts';
import { Refusal } from '../ui/field.tsx';
import { SureButton } from '../ui/sure-button.tsx';
import { useAttempt } from '../ui/use-attempt.ts';
import { DOWNLOADS, save } from './files.ts';
import { NewSession } from './new-session.tsx';

/** Weights of more numbers than this are not fetched to be looked at. */
const MOST_SHOWN = 200_000;

/** A cell: its diagram, formula and weights, its configuration, its files. */
export function CellDetail({ id }: { readonly id: string }) {
  const { api, t, router } = useApp();
  const attempt = useAttempt();
  const download = useAttempt();
  const cell = useSignal<Cell | undefined>(undefined);
  const weights = useSignal<Readonly<Record<string, Tensor>>>({});
  const path = `v1/cells/${id}`;
  useEffect(() => {
    attempt.run(async () => {
      const read = await api.get<Cell>(path);
      cell.value = read;
      if (read.built && read.parameter_count <= MOST_SHOWN)
        weights.value = (await api.get<WeightsReply>(`${path}/weights`)).weights;
    });
  }, [id]);
  const { value: shown } = cell;
  return (
    <div class="columns">
      <section class="card" aria-labelledby="detail-title">
        <h2 id="detail-title">{t('cell.of', { id })}</h2>
        <Refusal problem={attempt.problem.value} />
        {shown && (
          <>
            <Summary cell={shown} weights={weights.value} />
            <p>
              <a href={hashOf(['inspect', 'sessions'], { cell: id })}>{t('cell.sessions')}</a>
            </p>
            <CellView layers={layersOf(shown)} weights={weights.value} moment={undefined} moving={false} />
            {shown.parameter_count > MOST_SHOWN && <p class="hint">{t('cell.large', { count: MOST_SHOWN })}</p>}
          </>
        )}
      </section>
      <div>
        {shown && (
          <section class="card" aria-labelledby="files-title">
            <h2 id="files-title">{t('cell.files')}</h2>
            <div class="fields">
              {DOWNLOADS.map(({ name, type, ending }) => (
                <button
                  key={type}
                  type="button"
                  onClick={() =>
                    download.run(async () => save(await api.blob(`${path}/weights`, type), `${id}.${ending}`))
                  }
                >
                  {name}
                </button>
              ))}
            </div>
            <Refusal problem={download.problem.value} />
            <h3>{t('cell.config')}</h3>
            <pre tabIndex={0} role="group" aria-label={t('cell.config')}>
              {JSON.stringify(shown.config, null, 2)}
            </pre>
            <SureButton
              label={t('delete')}
              onSure={() =>
                attempt.run(async () => {
                  await api.delete(path);
                  router.go(hashOf(['inspect', 'cells']));
                })
              }
            />
          </section>
        )}
        <NewSession cell={id} onMade={() => undefined} />
      </div>
    </div>
  );
}

function Summary({ cell, weights }: { readonly cell: Cell; readonly weights: Readonly<Record<string, Tensor>> }) {
  const { t } = useApp();
  const bad = Object.entries(weights).filter(([, value]) =>
    rows(value)
      .flat()
      .some((number) => !Number.isFinite(number)),
  );
  return (
    <>
      <p>
        {cell.framework} <strong>{cell.class_name}</strong>,{' '}
        {t('cell.summary', { count: cell.parameter_count, precision: cell.precision, version: cell.version })}
      </p>
      {bad.map(([name]) => (
        <p class="warning" key={name}>
          ⚠ {t('warning.weights', { name })}
        </p>
      ))}
    </>
  );
}
