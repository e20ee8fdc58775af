import axe from 'axe-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApp, type TestApp } from '../support/app.ts';
import { call, make } from '../support/call.ts';
import { type Browser, hasChromium, startBrowser } from './chromium.ts';
import { openPage } from './open-page.ts';

const WIDTHS = [390, 768, 1280] as const;
const SCHEMES = ['light', 'dark'] as const;
const LANGUAGES = ['en', 'zh'] as const;
const EVERYWHERE = LANGUAGES.flatMap((language) =>
  WIDTHS.flatMap((width) => SCHEMES.map((colorScheme) => ({ language, width, colorScheme }))),
);
/** Each view, and what is there once it is shown. */
const VIEWS = [
  ['#/?kind=lstm&units=4&layers=2&step=60', '.formula strong'],
  ['#/learn?task=characters', '.letters'],
  ['#/inspect/sessions', '.things'],
  ['#/inspect/sessions/shown?step=20', '.u-legend'],
  ['#/inspect/cells/shown', '.variable'],
  ['#/inspect/cells/torch', '.variable'],
  ['#/inspect/cells', '.things'],
  ['#/inspect/checkpoints', '.things'],
  ['#/inspect/checkpoints/shown', 'li'],
  ['#/inspect/sessions/none', '.error'],
  ['#/tour/1', '.tour-view, .view h1'],
  ['#/tour/7', '.formula strong'],
] as const;

interface Violation {
  readonly id: string;
  readonly nodes: readonly { readonly html: string; readonly failureSummary: string }[];
}

describe.runIf(hasChromium('The accessibility of the page at /'))('every view of the page at /', () => {
  let browser: Browser;
  let app: TestApp;
  let origin: string;

  beforeAll(async () => {
    browser = await startBrowser();
    app = await startApp();
    origin = await app.listen({ host: '127.0.0.1', port: 0 });
    const config = { units: 3 };
    await make(app, '/v1/cells', { id: 'shown', class_name: 'GRUCell', config, input_shape: [null, 1] });
    const torch = {
      framework: 'pytorch',
      class_name: 'LSTM',
      config: { input_size: 1, hidden_size: 3, num_layers: 2 },
    };
    await make(app, '/v1/cells', { id: 'torch', ...torch });
    await make(app, '/v1/sessions', { id: 'shown', cell: 'shown', history: 100 });
    await make(app, '/v1/checkpoints', { id: 'shown', all: true });
    const inputs = [Array.from({ length: 40 }, (_, t) => [Math.sin(t / 4)])];
    await call(app, 'POST', '/v1/sessions/shown/steps', { inputs });
  });
  afterAll(async () => {
    await browser?.close();
    await app?.close();
  });

  it.each(VIEWS)(
    'passes axe, and fits, at phone, tablet and desktop width, light and dark, in both languages: %s',
    async (hash, shown) => {
      const { page } = await openPage(browser.context, `${origin}/${hash}`);
      try {
        await page.locator(shown).first().waitFor();
        await page.locator('.calls summary').click();
        await page.evaluate(axe.source);
        const found: string[] = [];
        for (const { language, width, colorScheme } of EVERYWHERE) {
          await page.locator('.settings select').first().selectOption(language);
          await page.setViewportSize({ width, height: 900 });
          await page.emulateMedia({ colorScheme });
          // Plots take their new width a moment after the page.
          await expect
            .poll(() => page.evaluate('document.documentElement.scrollWidth'), { message: `${language} ${width}` })
            .toBeLessThanOrEqual(width);
          const { violations } = (await page.evaluate('axe.run()')) as { violations: Violation[] };
          for (const { id, nodes } of violations) {
            found.push(`${language} ${width} ${colorScheme} ${id}: ${nodes[0].html} ${nodes[0].failureSummary}`);
          }
        }
        expect(found).toEqual([]);
      } finally {
        await page.close();
      }
    },
  );
});
