import { useSignal } from '@preact/signals';
import type { Call } from '../api/client.ts';
import { LANGUAGES, type Language, snippet } from '../api/snippets.ts';
import { useApp } from './context.ts';

/** Every call that the page made, newest first, as a program in three languages. */
export function CallsPanel() {
  const { calls, t } = useApp();
  const open = useSignal(false);
  const chosen = useSignal<Call | undefined>(undefined);
  const [newest] = calls.value;
  const shown = chosen.value ?? newest;
  return (
    <details
      class="calls"
      onToggle={(event) => {
        open.value = event.currentTarget.open;
      }}
    >
      <summary>
        {t('calls.title')}{' '}
        {newest && <code>{`${newest.method} /${newest.path.split('?')[0]} → ${newest.status}`}</code>}
      </summary>
      {open.value && shown && (
        <div class="columns">
          <ol class="call-list" aria-label={t('calls.list')}>
            {calls.value.map((call, i) => (
              <li key={i}>
                <button
                  type="button"
                  aria-pressed={call === shown}
                  onClick={() => {
                    chosen.value = call === chosen.value ? undefined : call;
                  }}
                >
                  <code>{`${call.method} /${call.path}`}</code>{' '}
                  <span class={call.status >= 400 ? 'bad' : ''}>{call.status}</span>{' '}
                  <small>{Math.round(call.milliseconds)} ms</small>
                </button>
              </li>
            ))}
          </ol>
          <CallText call={shown} />
        </div>
      )}
    </details>
  );
}

/** One call as a program, with its answer. */
export function CallText({ call }: { readonly call: Call }) {
  const { t, key } = useApp();
  const language = useSignal<Language>('curl');
  const base = new URL('.', location.href).href;
  const text = snippet(language.value, call, base, key.value !== '');
  return (
    <div class="call">
      <div class="bar" role="group" aria-label={t('calls.as')}>
        {LANGUAGES.map((name) => (
          <button
            key={name}
            type="button"
            aria-pressed={name === language.value}
            onClick={() => {
              language.value = name;
            }}
          >
            {name}
          </button>
        ))}
        <button type="button" onClick={() => navigator.clipboard?.writeText(text)}>
          {t('calls.copy')}
        </button>
      </div>
      <Code text={text.length > SHOWN ? `${text.slice(0, SHOWN)}…` : text} label={language.value} />
      <p class="hint">{t('calls.answer', { status: call.status })}</p>
      <Code text={call.answered.slice(0, SHOWN)} label={t('calls.answer', { status: call.status })} />
    </div>
  );
}

const SHOWN = 4000;

function Code({ text, label }: { readonly text: string; readonly label: string }) {
  return (
    <pre tabIndex={0} role="group" aria-label={label}>
      {text}
    </pre>
  );
}
