import type { Cell, Session } from '../api/types.ts';
import { useApp } from '../frame/context.ts';
import { hashOf } from '../frame/place.ts';
import { FIRST_SPEC, newCell } from '../play/spec.ts';
import { readySignal } from '../signals/signal.ts';
import { Refusal } from '../ui/field.tsx';
import { formValues, TextField } from '../ui/text-field.tsx';
import { useAttempt } from '../ui/use-attempt.ts';

const EXAMPLE_STEPS = 60;

/** Opens a session on a cell, or an example with some steps in it. */
export function NewSession({ onMade, cell = '' }: { readonly onMade: () => void; readonly cell?: string }) {
  const { api, t, router } = useApp();
  const attempt = useAttempt();
  const problem = attempt.problem.value;
  const open = (body: Record<string, unknown>) => api.post<Session>('v1/sessions', body);
  const show = (session: Session) => {
    onMade();
    router.go(hashOf(['inspect', 'sessions', session.id]));
  };
  return (
    <section class="card" aria-labelledby="session-title">
      <h2 id="session-title">{t('new.session')}</h2>
      <form
        class="fields"
        onSubmit={(event) => {
          event.preventDefault();
          const { id, cell: on, history } = formValues(event.currentTarget);
          attempt.run(async () => show(await open({ ...(id ? { id } : {}), cell: on, history: Number(history) || 0 })));
        }}
      >
        <TextField
          label={t('new.session.cell')}
          name="cell"
          initial={cell}
          required
          problem={problem}
          pointer="/cell"
        />
        <TextField label={t('new.id')} name="id" problem={problem} pointer="/id" />
        <TextField label={t('new.history')} name="history" initial="200" problem={problem} pointer="/history" />
        <button type="submit" disabled={attempt.busy.value}>
          {t('new.open')}
        </button>
      </form>
      <Refusal problem={problem} pointers={['/cell', '/id', '/history']} />
      {!cell && (
        <>
          <p class="hint">{t('example.hint')}</p>
          <button
            type="button"
            class="main"
            disabled={attempt.busy.value}
            onClick={() =>
              attempt.run(async () => {
                const made = await api.post<Cell>('v1/cells', newCell(FIRST_SPEC, 7));
                const session = await open({ cell: made.id, history: 500 });
                await api.post(`v1/sessions/${session.id}/steps`, {
                  inputs: [readySignal('sine', 1).slice(0, EXAMPLE_STEPS)],
                });
                show(session);
              })
            }
          >
            {t('example.make')}
          </button>
        </>
      )}
    </section>
  );
}
