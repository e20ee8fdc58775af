import { CellView } from '../cell/cell-view.tsx';
import { stateNames } from '../cell/layer-step.ts';
import { useApp } from '../frame/context.ts';
import { hashOf } from '../frame/place.ts';
import { show } from '../numbers/numbers.ts';
import { Refusal } from '../ui/field.tsx';
import { type Attempt, useAttempt } from '../ui/use-attempt.ts';
import { Warnings } from '../ui/warnings.tsx';
import { ForkCard } from './fork-card.tsx';
import { OptionsCard } from './options-card.tsx';
import { OverTime } from './over-time.tsx';
import type { Player } from './player.ts';
import { ReachCard } from './reach-card.tsx';
import { SignalCard } from './signal-card.tsx';
import type { Spec } from './spec.ts';
import { Transport } from './transport.tsx';
import { useKeys } from './use-keys.ts';
import { useStart } from './use-start.ts';

/** Steps whose habits are looked at for warnings. */
const LOOKED_AT = 100;

/** The first view: a cell that plays a signal. */
export function PlayView({ player }: { readonly player: Player }) {
  const { t } = useApp();
  const attempt = useAttempt();
  useStart(player, attempt);
  const { value: spec } = player.spec;
  const { value: cell } = player.own.cell;
  const layers = player.own.layers.value;
  const at = player.at.value ?? player.count.value;
  const target = player.fork.edits.value ? player.fork.own : player.own;
  useKeys(player, attempt.run);
  return (
    <div class="view">
      <section class="hero" aria-labelledby="hero-title">
        <div>
          <h1 id="hero-title">{t('play.title')}</h1>
          <p>{t('play.seen', { kind: t(`kind.${spec.kind}`), units: spec.units, layers: spec.layers })}</p>
        </div>
        <nav class="ways" aria-label={t('play.ways')}>
          <a class="button main" href={hashOf(['tour'])}>
            {t('play.tour')}
          </a>
          <a class="button" href={hashOf(['learn'])}>
            {t('play.learn')}
          </a>
          <a class="button" href={hashOf(['inspect', 'sessions'])}>
            {t('play.inspect')}
          </a>
        </nav>
      </section>
      <Transport player={player} attempt={attempt} />
      <Refusal
        problem={attempt.problem.value}
        pointers={['/config/units', '/config/activation', '/config/recurrent_activation', '/input_shape']}
      />
      <div class="columns">
        <div>
          <section class="card" aria-labelledby="cell-title">
            <h2 id="cell-title">{t('cell.title')}</h2>
            <OptionsCard
              spec={spec}
              problem={attempt.problem.value}
              onChange={(next) => attempt.run(() => remake(player, next))}
            />
            {cell && (
              <CellView
                layers={layers}
                weights={target.weights.value}
                moment={player.shown.value}
                moving={player.playing.value}
                problem={attempt.problem.value}
                onEdit={(name, values, done) => attempt.run(() => player.edit(name, values, done))}
                tools={<WeightTools player={player} attempt={attempt} />}
              />
            )}
          </section>
        </div>
        <div>
          <SignalCard player={player} />
          <OverTime player={player} />
          <Warnings steps={player.moments.slice(Math.max(0, at - LOOKED_AT), at)} names={stateNames(layers, 0)} />
          <ForkCard player={player} attempt={attempt} />
          <ReachCard key={cell?.id} player={player} />
        </div>
      </div>
      <p class="unseen" role="status">
        {player.playing.value || !player.shown.value
          ? ''
          : t('play.said', {
              at,
              output: player.shown.value.output
                .slice(0, 8)
                .map((value) => show(value))
                .join(', '),
            })}
      </p>
    </div>
  );
}

function WeightTools({ player, attempt }: { readonly player: Player; readonly attempt: Attempt }) {
  const { t } = useApp();
  const { past, future } = player.edits.value;
  return (
    <>
      <div class="bar">
        <h3>{t('weights.title')}</h3>
        <button type="button" disabled={past.length === 0} onClick={() => attempt.run(() => player.undo())}>
          ↶ {t('weights.undo')}
        </button>
        <button type="button" disabled={future.length === 0} onClick={() => attempt.run(() => player.redo())}>
          ↷ {t('weights.redo')}
        </button>
        <button type="button" onClick={() => attempt.run(() => player.draw())}>
          {t('weights.draw')}
        </button>
      </div>
      <p class="hint">{t('weights.hint')}</p>
    </>
  );
}

/** Makes the cell of other options, and plays on where it played. */
async function remake(player: Player, spec: Spec): Promise<void> {
  const { value: playing } = player.playing;
  await player.make(spec);
  if (playing) player.play();
}
