import { useSignal } from '@preact/signals';
import { useEffect, useMemo } from 'preact/hooks';
import type { Cell } from '../api/types.ts';
import { CellView } from '../cell/cell-view.tsx';
import { stateNames } from '../cell/layer-step.ts';
import { useApp } from '../frame/context.ts';
import { hashOf } from '../frame/place.ts';
import { typed } from '../numbers/numbers.ts';
import { Choice, Field, Refusal } from '../ui/field.tsx';
import { SureButton } from '../ui/sure-button.tsx';
import { type Attempt, useAttempt } from '../ui/use-attempt.ts';
import { Warnings } from '../ui/warnings.tsx';
import { LiveSession } from './live-session.ts';
import { momentAt, stepsOfRow } from './seen-steps.ts';
import { SessionTime } from './session-time.tsx';

/** A session, followed as its steps arrive: states over time, any kept step, forks and rewinds. */
export function SessionDetail({ id }: { readonly id: string }) {
  const { api, t, router } = useApp();
  const attempt = useAttempt();
  const live = useMemo(() => new LiveSession(api, id), [api, id]);
  const row = useSignal(0);
  useEffect(() => {
    const stop = new AbortController();
    live.follow(stop.signal);
    return () => stop.abort();
  }, [live]);
  const { value: session } = live.session;
  const asked = Number(router.place.value.query.step) || undefined;
  if (live.ended.value) return <Ended problem={live.ended.value} />;
  if (!session) return <p class="hint">{t('loading')}</p>;
  const steps = stepsOfRow(live.seen.value, row.value, live.cell.value);
  const names = stateNames(live.layers.value, session.states.length);
  const at = asked !== undefined && asked < session.step ? asked : undefined;
  const seen = momentAt(steps, at ?? session.step);
  const own = seen && live.moment(at ?? session.step, row.value, seen.states);
  const show = (step: number) =>
    router.note(hashOf(['inspect', 'sessions', id], { step: step >= session.step ? undefined : step }));
  return (
    <>
      <section class="card" aria-labelledby="detail-title">
        <div class="bar">
          <h2 id="detail-title">{t('session.title', { id })}</h2>
          <span class="live">● {t('session.live')}</span>
        </div>
        <p role="status">
          {t('session.summary', { step: session.step, rows: session.batch_size, history: session.history })}{' '}
          <a href={hashOf(['inspect', 'cells', session.cell])}>{session.cell}</a>
        </p>
        <Warnings steps={steps} names={names} />
        <Refusal problem={attempt.problem.value} pointers={['/inputs']} />
        <Actions live={live} attempt={attempt} at={at ?? session.step} />
      </section>
      <div class="columns">
        <SessionTime
          steps={steps}
          names={names}
          at={at}
          onPick={show}
          rows={
            session.batch_size > 1 ? (
              <Choice
                label={t('session.row')}
                value={String(row.value)}
                options={Array.from({ length: Math.min(64, session.batch_size) }, (_, i) => String(i))}
                onChange={(chosen) => {
                  row.value = Number(chosen);
                }}
              />
            ) : null
          }
        />
        <section class="card" aria-labelledby="session-cell-title">
          <h2 id="session-cell-title">{t('cell.title')}</h2>
          {seen && !own && <p class="hint">{t('session.no.gates')}</p>}
          <CellView layers={live.layers.value} weights={live.weights.value} moment={own ?? seen} moving={false} />
        </section>
      </div>
    </>
  );
}

/** What a step of a row reads: so many features, or a number alone, as a network that begins with an Embedding. */
function stepInput(cell: Cell | undefined): number | 'number' {
  const shape = cell?.input_shape ?? [];
  return cell?.config.layers && shape.length === 2 ? 'number' : (shape.at(-1) ?? 1);
}

function Ended({ problem }: { readonly problem: Error }) {
  const { t } = useApp();
  return (
    <section class="card">
      <p class="error" role="alert">
        {problem.message}
      </p>
      <a href={hashOf(['inspect', 'sessions'])}>{t('session.back')}</a>
    </section>
  );
}

function Actions({
  live,
  attempt,
  at,
}: {
  readonly live: LiveSession;
  readonly attempt: Attempt;
  readonly at: number;
}) {
  const { t, router } = useApp();
  const session = live.session.value!;
  const isGraph = live.cell.value?.precision === 'onnxruntime';
  const reads = stepInput(live.cell.value);
  const features = reads === 'number' ? 1 : reads;
  const text = useSignal(Array.from({ length: features }, () => '1').join(', '));
  const wrong = useSignal(false);
  const kept = at >= session.oldest_step && session.history > 0;
  return (
    <form
      class="fields"
      onSubmit={(event) => {
        event.preventDefault();
        const x = text.value
          .split(/[,\s]+/)
          .filter(Boolean)
          .map(typed);
        wrong.value = x.includes(undefined);
        if (!wrong.value)
          attempt.run(() =>
            live.step(
              Array.from({ length: session.batch_size }, () => x as number[]),
              reads,
            ),
          );
      }}
    >
      {isGraph ? (
        <p class="hint">{t('session.graph')}</p>
      ) : (
        <>
          <Field label={t('session.input', { features })} problem={attempt.problem.value} pointer="/inputs">
            {(attributes) => (
              <>
                <input
                  {...attributes}
                  value={text.value}
                  onInput={(event) => {
                    text.value = event.currentTarget.value;
                  }}
                />
                {wrong.value && <p class="error">{t('variable.wrong')}</p>}
              </>
            )}
          </Field>
          <button type="submit" class="main" disabled={attempt.busy.value}>
            {t('session.step')}
          </button>
        </>
      )}
      <button
        type="button"
        onClick={() =>
          attempt.run(async () => {
            const made = await live.fork(at);
            router.go(hashOf(['inspect', 'sessions', made.id]));
          })
        }
      >
        {t('session.fork', { step: kept ? at : session.step })}
      </button>
      <button type="button" disabled={!kept || at === session.step} onClick={() => attempt.run(() => live.rewind(at))}>
        {t('session.rewind', { step: at })}
      </button>
      <SureButton label={t('session.reset')} onSure={() => attempt.run(() => live.reset())} />
      <SureButton
        label={t('delete')}
        onSure={() =>
          attempt.run(async () => {
            await live.end();
            router.go(hashOf(['inspect', 'sessions']));
          })
        }
      />
    </form>
  );
}
