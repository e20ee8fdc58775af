import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import type { Checkpoint } from '../api/types.ts';
import { useApp } from '../frame/context.ts';
import { hashOf } from '../frame/place.ts';
import { Check, Refusal } from '../ui/field.tsx';
import { SureButton } from '../ui/sure-button.tsx';
import { useAttempt } from '../ui/use-attempt.ts';
import { save } from './files.ts';
import { when } from './lists.ts';

type Named = Pick<Checkpoint, 'cells' | 'variables' | 'sessions'>;

/** What a checkpoint holds; restored, downloaded, deleted. */
export function CheckpointDetail({ id }: { readonly id: string }) {
  const { api, t, router } = useApp();
  const attempt = useAttempt();
  const checkpoint = useSignal<Checkpoint | undefined>(undefined);
  const restored = useSignal<{ restored: Named; created: Named } | undefined>(undefined);
  const createMissing = useSignal(false);
  const path = `v1/checkpoints/${id}`;
  useEffect(() => {
    attempt.run(async () => {
      checkpoint.value = await api.get<Checkpoint>(path);
    });
  }, [id]);
  const { value: held } = checkpoint;
  return (
    <section class="card" aria-labelledby="detail-title">
      <h2 id="detail-title">{t('checkpoint.title', { id })}</h2>
      <Refusal problem={attempt.problem.value} />
      {held && (
        <>
          <p>
            {held.bytes} B, {t('column.created')}: {when(held.created_at)}
          </p>
          <Names named={held} />
          <div class="fields">
            <Check
              label={t('checkpoint.missing')}
              checked={createMissing.value}
              onChange={(checked) => {
                createMissing.value = checked;
              }}
            />
            <SureButton
              label={t('checkpoint.restore')}
              onSure={() =>
                attempt.run(async () => {
                  restored.value = await api.post(`${path}/restore`, { create_missing: createMissing.value });
                })
              }
            />
            <button
              type="button"
              onClick={() =>
                attempt.run(async () =>
                  save(await api.blob(`${path}/content`, 'application/x-safetensors'), `${id}.safetensors`),
                )
              }
            >
              {t('download')}
            </button>
            <SureButton
              label={t('delete')}
              onSure={() =>
                attempt.run(async () => {
                  await api.delete(path);
                  router.go(hashOf(['inspect', 'checkpoints']));
                })
              }
            />
          </div>
        </>
      )}
      {restored.value && (
        <div role="status">
          <p>{t('checkpoint.restored')}</p>
          <Names named={restored.value.restored} />
          {Object.values(restored.value.created).some((ids) => ids.length > 0) && (
            <>
              <p>{t('checkpoint.created')}</p>
              <Names named={restored.value.created} />
            </>
          )}
        </div>
      )}
    </section>
  );
}

const SHOWN = 50;

function Names({ named }: { readonly named: Named }) {
  const { t } = useApp();
  return (
    <ul>
      {(['cells', 'sessions', 'variables'] as const).map((things) => (
        <li key={things}>
          {t(`things.${things}`)}:{' '}
          {named[things].slice(0, SHOWN).map((id, i) => (
            <span key={id}>
              {i > 0 && ', '}
              {things === 'variables' ? id : <a href={hashOf(['inspect', things, id])}>{id}</a>}
            </span>
          ))}
          {named[things].length === 0 && '–'}
          {named[things].length > SHOWN && ' …'}
        </li>
      ))}
    </ul>
  );
}
