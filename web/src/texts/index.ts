import type { ReadonlySignal } from '@preact/signals';
import { en } from './en.ts';
import { zh } from './zh.ts';

export type TextName = keyof typeof en;
export type Texts = Readonly<Record<TextName, string>>;

export const TEXTS = { en, zh } as const satisfies Record<string, Texts>;
export type Language = keyof typeof TEXTS;
export const LANGUAGES = Object.keys(TEXTS) as Language[];
export const LANGUAGE_NAMES: Readonly<Record<Language, string>> = { en: 'English', zh: '中文' };

/** A text in the language of the page, with `{name}` filled in. */
export type Translate = (name: TextName, values?: Readonly<Record<string, string | number>>) => string;

export function translator(language: ReadonlySignal<Language>): Translate {
  return (name, values = {}) =>
    TEXTS[language.value][name].replace(/\{(\w+)\}/g, (whole, field: string) =>
      field in values ? String(values[field]) : whole,
    );
}
