import { useSignal } from '@preact/signals';
import { useMemo } from 'preact/hooks';
import { stateNames } from '../cell/layer-step.ts';
import { useApp } from '../frame/context.ts';
import type { Moment } from '../model/moment.ts';
import type { Translate } from '../texts/index.ts';
import { Choice } from '../ui/field.tsx';
import { type Line, Plot } from '../ui/plot.tsx';
import { TimeHeatmap } from '../ui/time-heatmap.tsx';
import { Columns } from './columns.ts';
import type { Player } from './player.ts';

/** Steps that are shown while the newest ones are followed. */
const FOLLOWED = 200;
/** Units that get a line; the heatmap shows all. */
const LINES = 6;

/** Inputs, states, memory and gates over time, as lines and as a heatmap of all units. */
export function OverTime({ player }: { readonly player: Player }) {
  const { t, language } = useApp();
  const range = useSignal<'last' | 'all'>('last');
  const shown = useSignal('h');
  const count = player.count.value;
  const from = range.value === 'all' ? 0 : Math.max(0, Math.min(count, player.at.value ?? count) - FOLLOWED);
  const to = range.value === 'all' ? count : Math.min(count, from + FOLLOWED);
  const layers = player.own.layers.value;
  const [first] = player.moments;
  const names = stateNames(layers, first?.states.length ?? 0);
  const choices = [...names, ...Object.keys(first?.gates ?? {}).map((name) => `${name} `)];
  const choice = choices.includes(shown.value) ? shown.value : (choices[0] ?? 'h');
  const forks = player.fork.version.value;
  const columns = useMemo(() => columnsOf(reader(names, choice)), [player, choice, layers, first]);
  const seen = useMemo(
    () => whatIsSeen(player, { from, to, columns, name: choice.trim(), t }),
    [player, from, to, columns, forks, language.value],
  );
  const marked = player.at.value;
  const pick = (step: number) => {
    player.pause();
    player.at.value = step >= count ? undefined : step;
  };
  return (
    <section class="card" aria-labelledby="time-title">
      <div class="bar">
        <h2 id="time-title">{t('time.title')}</h2>
        <Choice
          label={t('time.range')}
          value={range.value}
          options={['last', 'all']}
          nameOf={(option) => t(`time.${option}`, { count: FOLLOWED })}
          onChange={(option) => {
            range.value = option;
          }}
        />
        <Choice
          label={t('time.shown')}
          value={choice}
          options={choices}
          nameOf={(option) => nameOf(option, t)}
          onChange={(option) => {
            shown.value = option;
          }}
        />
      </div>
      {count === 0 ? (
        <p class="hint">{t('time.empty')}</p>
      ) : (
        <>
          <Plot
            label={t('time.input')}
            xLabel={t('time.step')}
            yLabel={t('time.value')}
            xs={seen.xs}
            height={140}
            lines={seen.inputs}
            marked={marked}
            onPick={pick}
          />
          <Plot
            label={nameOf(choice, t)}
            xLabel={t('time.step')}
            yLabel={t('time.value')}
            xs={seen.xs}
            height={230}
            lines={seen.lines}
            marked={marked}
            onPick={pick}
          />
          <TimeHeatmap
            label={t('time.heat', { what: nameOf(choice, t) })}
            count={to - from}
            first={from + 1}
            at={seen.at}
            marked={marked}
            onPick={pick}
          />
        </>
      )}
    </section>
  );
}

/** Of what is drawn, over all steps of a play. */
interface SeenColumns {
  readonly read: Read;
  readonly steps: Columns;
  readonly inputs: Columns;
  readonly values: Columns;
}

function columnsOf(read: Read): SeenColumns {
  let step = 0;
  return {
    read,
    steps: new Columns(() => [++step], 1),
    inputs: new Columns(({ x }) => x, LINES),
    values: new Columns(read, LINES),
  };
}

interface Wanted {
  readonly from: number;
  readonly to: number;
  readonly columns: SeenColumns;
  readonly name: string;
  readonly t: Translate;
}

/** What the plots draw of the steps from one to another. */
function whatIsSeen(player: Player, { from, to, columns, name, t }: Wanted) {
  const { moments, fork } = player;
  const { read, steps, inputs, values } = columns;
  const linesOf = (kind: string, all: readonly Float64Array[]): Line[] =>
    all.map((column, i) => ({ label: `${kind}${sub(i)}`, values: column }));
  const lines = linesOf(name, values.of(moments, from, to));
  const forked = fork.moments.length > 0 ? fork.from.value : undefined;
  const twins = forked === undefined ? [] : twinLines(player, { from, to, forked, read, name, t }, lines.length);
  return {
    xs: steps.of(moments, from, to)[0] ?? [],
    inputs: linesOf('x', inputs.of(moments, from, to)),
    lines: [...lines, ...twins],
    at: (i: number) => read(moments[from + i]),
  };
}

type Read = (moment: Moment) => readonly number[];

/** A choice is the name of a state, or that of a gate with a blank behind it: both may be called h or c. */
function reader(names: readonly string[], choice: string): Read {
  const index = names.indexOf(choice);
  return index >= 0 ? (moment) => moment.states[index] : (moment) => moment.gates[choice.trim()]?.after ?? [];
}

function nameOf(choice: string, t: Translate): string {
  return choice.endsWith(' ') ? t('time.gate', { name: choice.trim() }) : t('time.state', { name: choice });
}

/** Of the fork, beside the lines of the play. */
function twinLines(
  player: Player,
  { from, to, forked, read, name, t }: Pick<Wanted, 'from' | 'to' | 'name' | 't'> & { forked: number; read: Read },
  units: number,
): Line[] {
  const at = (step: number) => player.fork.moments[step - forked];
  return Array.from({ length: units }, (_, j) => ({
    label: t('fork.line', { name: `${name}${sub(j)}` }),
    twinOf: j,
    values: Array.from({ length: to - from }, (_, i) => {
      const moment = from + i >= forked ? at(from + i) : undefined;
      return moment ? read(moment)[j] : null;
    }),
  }));
}

const SUBSCRIPTS = '₀₁₂₃₄₅₆₇₈₉';

function sub(index: number): string {
  return [...String(index + 1)].map((digit) => SUBSCRIPTS[Number(digit)]).join('');
}
