import type { ComponentChildren } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { LANGUAGE_NAMES, LANGUAGES, type TextName } from '../texts/index.ts';
import { CallsPanel } from './calls-panel.tsx';
import { type Theme, useApp } from './context.ts';
import { hashOf } from './place.ts';

const VIEWS: readonly (readonly [string, TextName])[] = [
  ['', 'view.play'],
  ['learn', 'view.learn'],
  ['inspect', 'view.inspect'],
  ['tour', 'view.tour'],
];
const THEMES: readonly Theme[] = ['system', 'light', 'dark'];

/** What is around every view: where to go, language, light, the calls that were made. */
export function Frame({ children }: { readonly children: ComponentChildren }) {
  const { t, router, language, theme, reached } = useApp();
  const view = router.place.value.path[0] ?? '';
  const name = VIEWS.find(([path]) => path === view)?.[1];
  useEffect(() => {
    document.title = name ? `${t(name)} · cellstep` : 'cellstep';
  });
  return (
    <>
      <button type="button" class="skip" onClick={() => document.getElementById('content')?.focus()}>
        {t('frame.skip')}
      </button>
      <header class="top">
        <a class="brand" href={hashOf([])}>
          cellstep
        </a>
        <nav aria-label={t('frame.views')}>
          {VIEWS.map(([path, text]) => (
            <a key={path} href={hashOf(path ? [path] : [])} aria-current={path === view ? 'page' : undefined}>
              {t(text)}
            </a>
          ))}
          <a href="docs">{t('view.docs')}</a>
        </nav>
        <div class="settings">
          <select
            aria-label={t('frame.language')}
            value={language.value}
            onChange={(event) => {
              language.value = LANGUAGES.find((option) => option === event.currentTarget.value) ?? 'en';
            }}
          >
            {LANGUAGES.map((option) => (
              <option key={option} value={option} lang={option}>
                {LANGUAGE_NAMES[option]}
              </option>
            ))}
          </select>
          <select
            aria-label={t('frame.theme')}
            value={theme.value}
            onChange={(event) => {
              theme.value = THEMES.find((option) => option === event.currentTarget.value) ?? 'system';
            }}
          >
            {THEMES.map((option) => (
              <option key={option} value={option}>
                {t(`theme.${option}`)}
              </option>
            ))}
          </select>
        </div>
      </header>
      <div role="status">{!reached.value && <p class="banner">{t('frame.unreachable')}</p>}</div>
      <main id="content" tabIndex={-1}>
        {children}
      </main>
      <footer>
        <CallsPanel />
      </footer>
      <KeyDialog />
    </>
  );
}

/** Asks for a key of the service, once for this tab. */
function KeyDialog() {
  const { t, keyAsked, giveKey } = useApp();
  const dialog = useRef<HTMLDialogElement>(null);
  const asked = keyAsked.value;
  useEffect(() => {
    if (asked === undefined) dialog.current?.close();
    else if (!dialog.current?.open) dialog.current?.showModal();
  }, [asked]);
  return (
    <dialog ref={dialog} aria-labelledby="key-title" onCancel={(event) => event.preventDefault()}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          giveKey(String(new FormData(event.currentTarget).get('key')).trim());
        }}
      >
        <h2 id="key-title">{t('key.title')}</h2>
        <p class="error">{asked}</p>
        <div class="field">
          <label for="key">{t('key.label')}</label>
          <input id="key" name="key" type="password" autocomplete="off" required />
        </div>
        <p class="hint">{t('key.hint')}</p>
        <button type="submit" class="main">
          {t('key.use')}
        </button>
      </form>
    </dialog>
  );
}
