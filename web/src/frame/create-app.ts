import { computed, effect, signal } from '@preact/signals';
import { Api, type Call } from '../api/client.ts';
import { LANGUAGES, type Language, translator } from '../texts/index.ts';
import type { AppContext, Theme } from './context.ts';
import { createRouter } from './router.ts';
import { savedIn } from './saved.ts';

const KEPT_CALLS = 60;
const PROBE_MILLISECONDS = 1000;

/** Puts together what the views share: the client, the address, the language, the theme, the key. */
export function createApp(window: Window & typeof globalThis): AppContext {
  const { localStorage, sessionStorage, document } = window;
  const saved = savedIn(sessionStorage);
  const settings = savedIn(localStorage);
  const calls = signal<readonly Call[]>([]);
  const reached = signal(true);
  const key = signal(saved.read<string>('key') ?? '');
  const keyAsked = signal<string | undefined>(undefined);
  const waiting: (() => void)[] = [];

  const language = signal<Language>(settings.read<Language>('language') ?? preferred(window.navigator.languages));
  const theme = signal<Theme>(settings.read<Theme>('theme') ?? 'system');
  const system = window.matchMedia('(prefers-color-scheme: dark)');
  const systemDark = signal(system.matches);
  system.addEventListener('change', () => {
    systemDark.value = system.matches;
  });
  const dark = computed(() => (theme.value === 'system' ? systemDark.value : theme.value === 'dark'));
  effect(() => {
    settings.write('language', language.value);
    document.documentElement.lang = language.value === 'zh' ? 'zh-Hans' : 'en';
  });
  effect(() => {
    settings.write('theme', theme.value);
    document.documentElement.dataset.theme = dark.value ? 'dark' : 'light';
  });

  const api = new Api({
    fetch: window.fetch.bind(window),
    key: () => key.value,
    askForKey: (refusal) => {
      keyAsked.value = refusal;
      return new Promise((resolve) => waiting.push(resolve));
    },
    report: (call) => {
      calls.value = [call, ...calls.value].slice(0, KEPT_CALLS);
    },
    whenReached: () =>
      new Promise((resolve) => {
        const stop = reached.subscribe((now) => {
          if (!now) return;
          queueMicrotask(() => stop());
          resolve();
        });
      }),
    reach: (now) => {
      if (reached.value && !now) probe();
      reached.value = now;
    },
  });
  const probe = () => {
    window.setTimeout(() => {
      if (reached.value) return;
      window.fetch('healthz').then(({ ok }) => {
        reached.value = ok;
        if (!ok) probe();
      }, probe);
    }, PROBE_MILLISECONDS);
  };

  return {
    api,
    router: createRouter(window),
    t: translator(language),
    language,
    theme,
    dark,
    calls,
    reached,
    key,
    keyAsked,
    giveKey: (given) => {
      key.value = given;
      saved.write('key', given);
      keyAsked.value = undefined;
      for (const resume of waiting.splice(0)) resume();
    },
    saved,
  };
}

function preferred(languages: readonly string[]): Language {
  const short = languages.map((tag) => tag.slice(0, 2).toLowerCase());
  return LANGUAGES.find((language) => language === short[0]) ?? 'en';
}
