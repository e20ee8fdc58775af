import { useSignal } from '@preact/signals';
import type { Tensor } from '../api/types.ts';
import { useApp } from '../frame/context.ts';
import { type Reach, reachOf } from '../model/reach.ts';
import { matrix, show } from '../numbers/numbers.ts';
import { Refusal } from '../ui/field.tsx';
import { Plot } from '../ui/plot.tsx';
import { useAttempt } from '../ui/use-attempt.ts';
import { zeroStates } from './own-cell.ts';
import type { Player } from './player.ts';

/** Steps back that are looked at. */
const FAR = 100;

/** How far the past reaches into the step that is looked at: the gradient of its output, back through time. */
export function ReachCard({ player }: { readonly player: Player }) {
  const { t } = useApp();
  const attempt = useAttempt();
  const reach = useSignal<(Reach & { readonly at: number }) | undefined>(undefined);
  const measure = () =>
    attempt.run(async () => {
      const { value: cell } = player.own.cell;
      const at = player.at.value ?? player.count.value;
      const from = Math.max(0, at - FAR);
      const xs = player.moments.slice(from, at).map(({ x }) => x);
      if (!cell || xs.length === 0) return;
      const states = player.moments[from].former ?? zeroStates(cell);
      const gradients = await player.own.inputGradients(xs, states, player.moments[at - 1].output.length);
      reach.value = { ...reachOf(matrix((gradients as Tensor[])[0])), at };
    });
  const { value: found } = reach;
  return (
    <section class="card" aria-labelledby="reach-title">
      <h2 id="reach-title">{t('reach.title')}</h2>
      <p class="hint">{t('reach.hint')}</p>
      <button type="button" onClick={measure} disabled={player.count.value === 0 || attempt.busy.value}>
        {t('reach.measure')}
      </button>
      <Refusal problem={attempt.problem.value} />
      {found && (
        <>
          <p aria-live="polite">
            <strong>{t(`reach.${found.verdict}`)}</strong>{' '}
            {found.verdict !== 'unknown' && t('reach.factor', { at: found.at, factor: show(found.factor) })}
          </p>
          <Plot
            label={t('reach.title')}
            xLabel={t('reach.back')}
            yLabel={t('reach.size')}
            xs={found.sizes.map((_, i) => i)}
            logarithmic
            lines={[
              {
                label: t('reach.line'),
                values: found.sizes.map((size) => (size > 0 && Number.isFinite(size) ? size : null)),
              },
            ]}
          />
        </>
      )}
    </section>
  );
}
