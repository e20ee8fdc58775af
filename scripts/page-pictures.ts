/**
 * `node scripts/page-pictures.ts [DIRECTORY]` takes pictures of every view of the page at /, at three widths, light and dark, in
 * English and Chinese, from a service of its own. Without a directory it takes the few that the documentation shows, into docs/pictures.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Browser, Page } from 'playwright-core';
import { onStage } from './page-stage.ts';

interface View {
  readonly name: string;
  readonly hash: string;
  /** What is done before the picture is taken. */
  readonly prepare?: (page: Page) => Promise<void>;
}

const VIEWS: readonly View[] = [
  { name: 'play', hash: '#/?kind=lstm&units=6&step=150' },
  { name: 'simple', hash: '#/?kind=simple&units=4&step=30' },
  { name: 'reset-before', hash: '#/?kind=gru&units=4&step=30&reset_after=0' },
  { name: 'stack', hash: '#/?kind=gru&units=4&layers=2&step=60' },
  { name: 'large', hash: '#/?kind=lstm&units=128&step=40' },
  { name: 'fork', hash: '#/?kind=gru&units=4&step=60', prepare: forked },
  { name: 'learn', hash: '#/learn?task=echo', prepare: learned },
  { name: 'letters', hash: '#/learn?task=characters', prepare: learned },
  { name: 'cells', hash: '#/inspect/cells' },
  { name: 'cell', hash: '#/inspect/cells/cell' },
  { name: 'sessions', hash: '#/inspect/sessions' },
  { name: 'session', hash: '#/inspect/sessions/chat', prepare: stepped },
  { name: 'history', hash: '#/inspect/sessions/chat?step=40' },
  { name: 'checkpoints', hash: '#/inspect/checkpoints' },
  { name: 'checkpoint', hash: '#/inspect/checkpoints/evening' },
  { name: 'tour', hash: '#/tour/6' },
  { name: 'docs', hash: 'docs' },
];
/** Echo is learned by then. */
const LEARNED_STEPS = 90;
const SHOWN: readonly Shot[] = [
  { name: 'play', width: 1280, scheme: 'light', locale: 'en-US' },
  { name: 'learn', width: 1280, scheme: 'dark', locale: 'en-US' },
  { name: 'session', width: 1280, scheme: 'light', locale: 'en-US' },
  { name: 'tour', width: 1280, scheme: 'dark', locale: 'en-US' },
];

interface Shot {
  readonly name: string;
  readonly width: number;
  readonly scheme: 'light' | 'dark';
  readonly locale: 'en-US' | 'zh-CN';
}

/** Whatever the language: the buttons and fields by their places. */
async function learned(page: Page): Promise<void> {
  const steps = async () => Number.parseInt((await page.locator('.figures').textContent()) ?? '0', 10);
  const train = page.locator('.transport .main');
  await train.click();
  while ((await steps()) < LEARNED_STEPS) await page.waitForTimeout(100);
  await train.click();
}

async function stepped(page: Page): Promise<void> {
  await page.locator('form.fields .main').first().click();
  await page.locator('.formula strong').first().waitFor();
}

async function forked(page: Page): Promise<void> {
  await page.getByRole('slider').first().fill('30');
  const card = page.locator('section[aria-labelledby=fork-title]');
  await card.getByRole('button').click();
  await card.getByRole('textbox').fill('5');
  await card.getByRole('textbox').press('Enter');
  await page.locator('section[aria-labelledby=reach-title]').getByRole('button').click();
  await page.evaluate('scrollTo(0, 0)');
}

async function take(browser: Browser, url: string, shot: Shot, file: string): Promise<void> {
  const { name, width, scheme: colorScheme, locale } = shot;
  const view = VIEWS.find((one) => one.name === name)!;
  const viewport = { width, height: 900 };
  const context = await browser.newContext({ viewport, colorScheme, reducedMotion: 'reduce', locale });
  try {
    const page = await context.newPage();
    await page.goto(new URL(view.hash, url).href);
    await page.waitForTimeout(1500);
    await view.prepare?.(page);
    await page.waitForTimeout(500);
    await page.screenshot({ path: file, fullPage: name !== 'docs' });
    console.log(file);
  } finally {
    await context.close();
  }
}

const [asked] = process.argv.slice(2);
const directory = asked ?? fileURLToPath(new URL('../docs/pictures/', import.meta.url));
mkdirSync(directory, { recursive: true });
const everything = VIEWS.flatMap(({ name }) =>
  [390, 820, 1440].flatMap((width) =>
    (['light', 'dark'] as const).flatMap((scheme) =>
      (['en-US', 'zh-CN'] as const).map((locale): Shot => ({ name, width, scheme, locale })),
    ),
  ),
);
await onStage(async ({ url, browser }) => {
  for (const shot of asked ? everything : SHOWN) {
    const { name, width, scheme, locale } = shot;
    await take(browser, url, shot, join(directory, asked ? `${name}-${width}-${scheme}-${locale}.png` : `${name}.png`));
  }
});
