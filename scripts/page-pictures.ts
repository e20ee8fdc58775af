/**
 * `node scripts/page-pictures.ts [DIRECTORY]` takes pictures of every view of the page at /, at three widths, light and dark,
 * from a service of its own. Without a directory it takes the few that the documentation shows, into docs/pictures.
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
  { name: 'stack', hash: '#/?kind=gru&units=4&layers=2&step=60' },
  { name: 'learn', hash: '#/learn?task=echo', prepare: learned },
  { name: 'cells', hash: '#/inspect/cells' },
  { name: 'cell', hash: '#/inspect/cells/cell' },
  { name: 'sessions', hash: '#/inspect/sessions' },
  { name: 'session', hash: '#/inspect/sessions/chat', prepare: stepped },
  { name: 'checkpoints', hash: '#/inspect/checkpoints' },
  { name: 'tour', hash: '#/tour/6' },
  { name: 'docs', hash: 'docs' },
];
const SHOWN: readonly (readonly [string, number, Scheme])[] = [
  ['play', 1280, 'light'],
  ['learn', 1280, 'dark'],
  ['session', 1280, 'light'],
  ['tour', 1280, 'dark'],
];

type Scheme = 'light' | 'dark';

async function learned(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'Train' }).click();
  await page.getByText(/^(9\d|1\d\d) steps/).waitFor({ timeout: 120_000 });
  await page.getByRole('button', { name: 'Pause' }).click();
}

async function stepped(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'Take a step' }).click();
  await page.locator('.formula strong').first().waitFor();
}

async function take(browser: Browser, url: string, view: View, width: number, colorScheme: Scheme, file: string) {
  const viewport = { width, height: 900 };
  const context = await browser.newContext({ viewport, colorScheme, reducedMotion: 'reduce', locale: 'en-US' });
  try {
    const page = await context.newPage();
    await page.goto(new URL(view.hash, url).href);
    await page.waitForTimeout(1500);
    await view.prepare?.(page);
    await page.waitForTimeout(500);
    await page.screenshot({ path: file, fullPage: width < 1000 ? false : view.name !== 'docs' });
    console.log(file);
  } finally {
    await context.close();
  }
}

const [asked] = process.argv.slice(2);
const directory = asked ?? fileURLToPath(new URL('../docs/pictures/', import.meta.url));
mkdirSync(directory, { recursive: true });
const wanted = asked
  ? VIEWS.flatMap(({ name }) =>
      [390, 768, 1280].flatMap((width) => (['light', 'dark'] as const).map((scheme) => [name, width, scheme] as const)),
    )
  : SHOWN;
await onStage(async ({ url, browser }) => {
  for (const [name, width, scheme] of wanted) {
    const view = VIEWS.find((one) => one.name === name)!;
    const file = join(directory, asked ? `${name}-${width}-${scheme}.png` : `${name}.png`);
    await take(browser, url, view, width, scheme, file);
  }
});
