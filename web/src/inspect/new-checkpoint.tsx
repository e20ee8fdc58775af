import type { Checkpoint } from '../api/types.ts';
import { useApp } from '../frame/context.ts';
import { hashOf } from '../frame/place.ts';
import { Refusal } from '../ui/field.tsx';
import { FileField } from '../ui/file-field.tsx';
import { formValues, TextField } from '../ui/text-field.tsx';
import { useAttempt } from '../ui/use-attempt.ts';

/** Saves a checkpoint of everything or of what is named, or brings one in from a file. */
export function NewCheckpoint({ onMade }: { readonly onMade: () => void }) {
  const { api, t, router } = useApp();
  const attempt = useAttempt();
  const problem = attempt.problem.value;
  const show = (checkpoint: Checkpoint) => {
    onMade();
    router.go(hashOf(['inspect', 'checkpoints', checkpoint.id]));
  };
  return (
    <section class="card" aria-labelledby="checkpoint-title">
      <h2 id="checkpoint-title">{t('new.checkpoint')}</h2>
      <p class="hint">{t('new.checkpoint.hint')}</p>
      <form
        class="fields"
        onSubmit={(event) => {
          event.preventDefault();
          const values = formValues(event.currentTarget);
          const named = Object.fromEntries(
            ['cells', 'variables', 'sessions'].map((things) => [things, listed(values[things])]),
          );
          const all = Object.values(named).every((ids) => ids.length === 0);
          const what = all ? { all: true } : named;
          attempt.run(async () =>
            show(await api.post<Checkpoint>('v1/checkpoints', { ...(values.id ? { id: values.id } : {}), ...what })),
          );
        }}
      >
        <TextField label={t('new.id')} name="id" problem={problem} pointer="/id" />
        <TextField label={t('things.cells')} name="cells" problem={problem} pointer="/cells" />
        <TextField label={t('things.sessions')} name="sessions" problem={problem} pointer="/sessions" />
        <TextField label={t('things.variables')} name="variables" problem={problem} pointer="/variables" />
        <button type="submit" disabled={attempt.busy.value}>
          {t('new.save')}
        </button>
      </form>
      <FileField
        label={t('new.checkpoint.file')}
        accept=".safetensors"
        onFile={(file) => {
          const headers = { 'content-type': 'application/x-safetensors' };
          attempt.run(async () => show(await api.json<Checkpoint>('POST', 'v1/checkpoints', { file, headers })));
        }}
      />
      <Refusal problem={problem} pointers={['/id', '/cells', '/sessions', '/variables']} />
    </section>
  );
}

function listed(text: string): string[] {
  return text.split(/[\s,]+/).filter(Boolean);
}
