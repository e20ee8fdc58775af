import type { ReadonlySignal, Signal } from '@preact/signals';
import { createContext } from 'preact';
import { useContext } from 'preact/hooks';
import type { Api, Call } from '../api/client.ts';
import type { Language, Translate } from '../texts/index.ts';
import type { Router } from './router.ts';
import type { Saved } from './saved.ts';

/** What every view needs. */
export interface AppContext {
  readonly api: Api;
  readonly router: Router;
  readonly t: Translate;
  readonly language: Signal<Language>;
  readonly theme: Signal<Theme>;
  readonly dark: ReadonlySignal<boolean>;
  readonly calls: ReadonlySignal<readonly Call[]>;
  readonly reached: ReadonlySignal<boolean>;
  readonly key: Signal<string>;
  /** The refusal that asks for a key; undefined while none is needed. */
  readonly keyAsked: ReadonlySignal<string | undefined>;
  readonly giveKey: (key: string) => void;
  readonly saved: Saved;
}

export type Theme = 'system' | 'light' | 'dark';

export const Context = createContext<AppContext | undefined>(undefined);

export function useApp(): AppContext {
  const app = useContext(Context);
  if (!app) throw new Error('A view needs the context of the page around it.');
  return app;
}
