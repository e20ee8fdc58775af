import axe from 'axe-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApp, type TestApp } from '../support/app.ts';
import { call, make } from '../support/call.ts';
import { type Browser, hasChromium, startBrowser } from './chromium.ts';
import { openPage } from './open-page.ts';

const WIDTHS = [390, 768, 1280] as const;
const SCHEMES = ['light', 'dark'] as const;
const EVERYWHERE = WIDTHS.flatMap((width) => SCHEMES.map((colorScheme) => ({ width, colorScheme })));
/** For views that are made of the same parts as others. */
const ENDS = [EVERYWHERE[0], EVERYWHERE[EVERYWHERE.length - 1]];
/** Each view, and what is there once it is shown. */
const VIEWS = [
  ['#/?kind=lstm&units=4&layers=2&step=60', '.formula strong', EVERYWHERE],
  ['#/learn?task=characters', '.letters', EVERYWHERE],
  ['#/inspect/sessions', '.things', EVERYWHERE],
  ['#/inspect/sessions/shown?step=20', '.u-legend', EVERYWHERE],
  ['#/inspect/cells/shown', '.variable', EVERYWHERE],
  ['#/inspect/cells', '.things', ENDS],
  ['#/inspect/checkpoints', '.things', ENDS],
  ['#/inspect/checkpoints/shown', 'li', ENDS],
  ['#/inspect/sessions/none', '.error', ENDS],
  ['#/tour/7', '.formula strong', EVERYWHERE],
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
    'passes axe, and fits, at phone, tablet and desktop width, light and dark: %s',
    async (hash, shown, places) => {
      const { page } = await openPage(browser.context, `${origin}/${hash}`);
      try {
        await page.locator(shown).first().waitFor();
        await page.locator('.calls summary').click();
        await page.evaluate(axe.source);
        const found: string[] = [];
        for (const { width, colorScheme } of places) {
          await page.setViewportSize({ width, height: 900 });
          await page.emulateMedia({ colorScheme });
          expect(await page.evaluate('document.documentElement.scrollWidth'), `${width}`).toBeLessThanOrEqual(width);
          const { violations } = (await page.evaluate('axe.run()')) as { violations: Violation[] };
          for (const { id, nodes } of violations) {
            found.push(`${width} ${colorScheme} ${id}: ${nodes[0].html} ${nodes[0].failureSummary}`);
          }
        }
        expect(found).toEqual([]);
      } finally {
        await page.close();
      }
    },
  );
});
