import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { CellView } from '../cell/cell-view.tsx';
import { useApp } from '../frame/context.ts';
import { hashOf } from '../frame/place.ts';
import { show } from '../numbers/numbers.ts';
import { Choice, NumberField, Refusal } from '../ui/field.tsx';
import { PlayButton } from '../ui/play-button.tsx';
import { Plot } from '../ui/plot.tsx';
import { type Attempt, useAttempt } from '../ui/use-attempt.ts';
import { CheckCard } from './check-card.tsx';
import type { Learner, Run, Settings } from './learner.ts';
import { TASK_NAMES } from './tasks.ts';
import { OPTIMIZERS } from './training.ts';

const KINDS = ['simple', 'gru', 'lstm'] as const;
const RATES = ['0.1', '0.05', '0.02', '0.01', '0.003', '0.001'] as const;

/** A network that learns a task over the API while one looks on. */
export function LearnView({ learner }: { readonly learner: Learner }) {
  const { t, router } = useApp();
  const attempt = useAttempt();
  const { value: settings } = learner.settings;
  const { query } = router.place.value;
  useEffect(() => {
    attempt.run(() => learner.start(TASK_NAMES.find((name) => name === query.task)));
  }, []);
  useEffect(() => {
    router.note(hashOf(['learn'], { task: settings.task }));
  }, [router, settings.task]);
  const losses = learner.losses.value;
  const share = learner.check.value?.share;
  const ready = learner.own.cell.value !== undefined;
  return (
    <div class="view">
      <section class="hero" aria-labelledby="learn-title">
        <div>
          <h1 id="learn-title">{t('learn.title')}</h1>
          <p>{t(`task.${settings.task}.hint`, { delay: settings.delay })}</p>
        </div>
      </section>
      <SettingsForm learner={learner} attempt={attempt} />
      <div class="transport" role="group" aria-label={t('learn.label')}>
        <PlayButton
          playing={learner.running.value}
          disabled={!ready}
          label={t(learner.running.value ? 'learn.pause' : 'learn.train')}
          onClick={() => (learner.running.value ? learner.pause() : attempt.run(() => learner.train()))}
        />
        <button
          type="button"
          disabled={learner.running.value || !ready}
          onClick={() => attempt.run(() => learner.step())}
        >
          {t('learn.step')}
        </button>
        <button type="button" onClick={() => attempt.run(() => learner.reset(settings))}>
          {t('learn.reset')}
        </button>
        <p class="figures" role="status">
          {t('learn.figures', {
            steps: losses.length,
            loss: losses.length === 0 ? '–' : show(losses[losses.length - 1]),
            share: share === undefined ? '–' : `${Math.round(100 * share)} %`,
          })}
        </p>
      </div>
      <Refusal problem={attempt.problem.value} pointers={POINTERS} />
      <div class="columns">
        <div>
          <LossCard learner={learner} attempt={attempt} />
          <CheckCard learner={learner} />
        </div>
        <section class="card" aria-labelledby="network-title">
          <div class="bar">
            <h2 id="network-title">{t('learn.network')}</h2>
            {learner.own.cell.value && (
              <a href={hashOf(['inspect', 'cells', learner.own.cell.value.id])}>{t('learn.inspect')}</a>
            )}
          </div>
          <p class="hint">{t('learn.network.hint')}</p>
          <Keep learner={learner} attempt={attempt} />
          <CellView
            layers={learner.own.layers.value}
            weights={learner.own.weights.value}
            moment={learner.moment.value}
            moving={learner.running.value}
          />
        </section>
      </div>
      <p class="hint">
        {t('learn.examples')}{' '}
        {EXAMPLES.map((name) => (
          <code key={name}>npm run example:{name} </code>
        ))}
      </p>
    </div>
  );
}

/** Programs of the repository. */
const EXAMPLES = ['train', 'text', 'anomaly', 'voice'];

/** The network goes with the tab: a copy is kept on demand. Programs that do the same are named. */
function Keep({ learner, attempt }: { readonly learner: Learner; readonly attempt: Attempt }) {
  const { t } = useApp();
  const { value: kept } = learner.kept;
  return (
    <>
      <p class="hint">{t('learn.keep.hint')}</p>
      <div class="bar">
        <button
          type="button"
          disabled={learner.running.value || !learner.own.cell.value}
          onClick={() => attempt.run(() => learner.keepCopy())}
        >
          {t('learn.keep')}
        </button>
        <span role="status">
          {kept && (
            <>
              {t('learn.kept')} <a href={hashOf(['inspect', 'cells', kept])}>{kept}</a>
            </>
          )}
        </span>
      </div>
    </>
  );
}

const POINTERS = ['/config/layers/0/config/units', '/optimizer'];

function SettingsForm({ learner, attempt }: { readonly learner: Learner; readonly attempt: Attempt }) {
  const { t } = useApp();
  const { value: settings } = learner.settings;
  const set = (change: Partial<Settings>) => attempt.run(() => learner.reset({ ...settings, ...change }));
  const problem = attempt.problem.value;
  return (
    <form class="card fields" onSubmit={(event) => event.preventDefault()}>
      <Choice
        label={t('learn.task')}
        value={settings.task}
        options={TASK_NAMES}
        nameOf={(task) => t(`task.${task}`)}
        onChange={(task) => set({ task })}
      />
      {settings.task === 'echo' && (
        <NumberField
          label={t('learn.delay')}
          value={settings.delay}
          min={1}
          max={10}
          onChange={(delay) => set({ delay: Math.max(1, Math.min(10, delay)) })}
        />
      )}
      <Choice
        label={t('option.kind')}
        value={settings.kind}
        options={KINDS}
        nameOf={(kind) => t(`kind.${kind}`)}
        onChange={(kind) => set({ kind })}
      />
      <NumberField
        label={t('option.units')}
        value={settings.units}
        min={1}
        max={128}
        onChange={(units) => set({ units })}
        problem={problem}
        pointer={POINTERS[0]}
      />
      <Choice
        label={t('learn.optimizer')}
        value={settings.optimizer}
        options={OPTIMIZERS}
        onChange={(optimizer) => set({ optimizer })}
        problem={problem}
        pointer="/optimizer"
      />
      <Choice
        label={t('learn.rate')}
        value={String(settings.rate)}
        options={RATES}
        onChange={(rate) => set({ rate: Number(rate) })}
      />
    </form>
  );
}

function LossCard({ learner, attempt }: { readonly learner: Learner; readonly attempt: Attempt }) {
  const { t } = useApp();
  const hidden = useSignal<readonly Run[]>([]);
  const losses = learner.losses.value;
  const runs = learner.runs.value;
  const shown = runs.filter((run) => !hidden.value.includes(run));
  const length = Math.max(losses.length, ...shown.map((run) => run.losses.length));
  const lineOf = (label: string, values: readonly number[]) => ({
    label,
    values: Array.from({ length }, (_, i) => (values[i] > 0 ? values[i] : null)),
  });
  return (
    <section class="card" aria-labelledby="loss-title">
      <h2 id="loss-title">{t('learn.loss')}</h2>
      <Plot
        label={t('learn.loss')}
        xLabel={t('learn.steps')}
        yLabel={t('learn.loss')}
        logarithmic
        height={220}
        xs={Array.from({ length }, (_, i) => i + 1)}
        lines={[
          lineOf(t('learn.now'), losses),
          ...shown.map((run, i) => lineOf(t('learn.run', { number: runs.length - runs.indexOf(run), i }), run.losses)),
        ]}
      />
      {runs.length > 0 && (
        <fieldset class="runs">
          <legend>{t('learn.compare')}</legend>
          {runs.map((run, i) => (
            <label class="check" key={runs.length - i}>
              <input
                type="checkbox"
                checked={!hidden.value.includes(run)}
                onChange={(event) => {
                  hidden.value = event.currentTarget.checked
                    ? hidden.value.filter((one) => one !== run)
                    : [...hidden.value, run];
                }}
              />
              {runs.length - i}. {t(`task.${run.settings.task}`)}, {t(`kind.${run.settings.kind}`)} {run.settings.units}
              , {run.settings.optimizer} {run.settings.rate}: {show(run.losses[run.losses.length - 1])}
            </label>
          ))}
          <button type="button" onClick={() => attempt.run(() => learner.forgetRuns())}>
            {t('learn.forget')}
          </button>
        </fieldset>
      )}
    </section>
  );
}
