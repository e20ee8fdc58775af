import { useApp } from '../frame/context.ts';
import { typed } from '../numbers/numbers.ts';
import { Check, Field, Refusal } from '../ui/field.tsx';
import type { Attempt } from '../ui/use-attempt.ts';
import type { Player } from './player.ts';

/** Parts the future at the step that is looked at, so that a changed input or weight can be seen beside what was. */
export function ForkCard({ player, attempt }: { readonly player: Player; readonly attempt: Attempt }) {
  const { t } = useApp();
  const { fork } = player;
  const from = fork.from.value;
  const at = player.at.value ?? player.count.value;
  return (
    <section class="card" aria-labelledby="fork-title">
      <h2 id="fork-title">{t('fork.title')}</h2>
      <p class="hint">{from === undefined ? t('fork.hint') : t('fork.made', { from })}</p>
      <div class="fields">
        {from === undefined ? (
          <button
            type="button"
            disabled={player.count.value === 0}
            onClick={() => attempt.run(() => player.startFork())}
          >
            {t('fork.start', { at })}
          </button>
        ) : (
          <>
            {fork.input.value.map((value, i) => (
              <Field
                key={i}
                label={t('fork.input', { name: `x${i + 1}`, step: from + 1 })}
                problem={attempt.problem.value}
                pointer={`/inputs/0/0/${i}`}
              >
                {(attributes) => (
                  <input
                    {...attributes}
                    class="number"
                    defaultValue={String(value)}
                    onChange={(event) => {
                      const given = typed(event.currentTarget.value);
                      if (given === undefined) return;
                      const input = fork.input.value.map((old, k) => (k === i ? given : old));
                      attempt.run(() => player.putForkInput(input));
                    }}
                  />
                )}
              </Field>
            ))}
            <Check
              label={t('fork.edits')}
              checked={fork.edits.value}
              onChange={(edits) => {
                fork.edits.value = edits;
              }}
            />
            <button type="button" onClick={() => player.endFork()}>
              {t('fork.stop')}
            </button>
          </>
        )}
      </div>
      <Refusal problem={attempt.problem.value} />
    </section>
  );
}
