import { useSignal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { useApp } from '../frame/context.ts';
import { Choice } from '../ui/field.tsx';
import { Heatmap } from '../ui/heatmap.tsx';
import { Plot } from '../ui/plot.tsx';
import { TimeHeatmap } from '../ui/time-heatmap.tsx';
import type { SeenStep } from './seen-steps.ts';

interface SessionTimeProps {
  readonly steps: readonly SeenStep[];
  readonly names: readonly string[];
  /** The step that is looked at; undefined: the newest. */
  readonly at: number | undefined;
  readonly onPick: (step: number) => void;
  readonly rows: ComponentChildren;
}

const LINES = 6;

/** The states of a session over its kept steps, and those of one step. */
export function SessionTime({ steps, names, at, onPick, rows }: SessionTimeProps) {
  const { t } = useApp();
  const chosen = useSignal('');
  const name = names.includes(chosen.value) ? chosen.value : (names[0] ?? '');
  const state = names.indexOf(name);
  const newest = steps.at(-1);
  const looked = steps.find(({ step }) => step === at) ?? newest;
  if (!newest || !looked) {
    return (
      <section class="card">
        <p class="hint">{t('session.empty')}</p>
        {rows}
      </section>
    );
  }
  const units = newest.states[state]?.length ?? 0;
  return (
    <section class="card" aria-labelledby="session-time-title">
      <div class="bar">
        <h2 id="session-time-title">{t('time.title')}</h2>
        <Choice
          label={t('time.shown')}
          value={name}
          options={names}
          nameOf={(option) => t('time.state', { name: option })}
          onChange={(option) => {
            chosen.value = option;
          }}
        />
        {rows}
      </div>
      <Plot
        label={t('time.state', { name })}
        xLabel={t('time.step')}
        yLabel={t('time.value')}
        height={230}
        xs={steps.map(({ step }) => step)}
        lines={Array.from({ length: Math.min(LINES, units) }, (_, j) => ({
          label: `${name}[${j + 1}]`,
          values: steps.map(({ states }) => states[state][j]),
        }))}
        marked={at}
        onPick={onPick}
      />
      <TimeHeatmap
        label={t('time.heat', { what: t('time.state', { name }) })}
        count={steps.length}
        first={0}
        at={(i) => steps[i].states[state]}
        marked={at === undefined ? undefined : steps.indexOf(looked)}
        onPick={(i) => onPick(steps[i].step)}
      />
      <label class="scrubber">
        <span>{t('session.at', { step: looked.step, count: newest.step })}</span>
        <input
          type="range"
          min={0}
          max={steps.length - 1}
          value={steps.indexOf(looked)}
          onInput={(event) => onPick(steps[event.currentTarget.valueAsNumber].step)}
        />
      </label>
      <Heatmap
        label={t('session.states', { step: looked.step })}
        values={looked.states}
        rowName={(i) => names[i] ?? ''}
        columnName={(j) => String(j + 1)}
      />
    </section>
  );
}
