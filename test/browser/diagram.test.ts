import { readFileSync } from 'node:fs';
import type { Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { startApp, type TestApp } from '../support/app.ts';
import { call, make } from '../support/call.ts';
import { type Browser, hasChromium, startBrowser } from './chromium.ts';
import { openPage } from './open-page.ts';

describe.runIf(hasChromium('The diagram of a cell'))('the diagram of a cell', () => {
  let browser: Browser;
  let app: TestApp;
  let origin: string;
  let page: Page;
  beforeAll(async () => {
    browser = await startBrowser();
    app = await startApp();
    origin = await app.listen({ host: '127.0.0.1', port: 0 });
  });
  afterEach(() => page?.close());
  afterAll(async () => {
    await browser?.close();
    await app?.close();
  });
  const open = async (hash: string) => {
    ({ page } = await openPage(browser.context, `${origin}/${hash}`));
    await page.locator('.formula strong').first().waitFor();
  };
  const formula = () => page.locator('.formula').textContent();

  it('explains the unit that a pointer is over, and frames its row and columns', async () => {
    await open('#/?kind=gru&units=3&step=5');
    const before = await formula();
    await page.locator('.node-z .unit').nth(2).hover();
    await page.getByText('Unit 3 of 3').waitFor();
    await expect.poll(formula).not.toBe(before);
    const box = (await page.locator('.variable canvas').nth(1).boundingBox())!;
    await page.mouse.move(box.x + box.width - 5, box.y + box.height - 5);
    await page.getByText(/^h3 → .+3: /).waitFor();
  });

  it('shows the weights of 128 units, the last one as well as the first', async () => {
    await open('#/?kind=lstm&units=128&step=3');
    const kernels = page.locator('.variable', { has: page.locator('canvas') });
    for (const [i, last] of ['x1 → o128', 'h128 → o128', 'b → o128'].entries()) {
      const canvas = kernels.nth(i).locator('canvas');
      // Again, where the page was laid out anew between the look and the click.
      const clickLast = async () => {
        const { width, height } = (await canvas.boundingBox())!;
        if (height > 10) await canvas.click({ position: { x: width - 1, y: height - 1 } });
        return kernels.nth(i).getByLabel(last).isVisible();
      };
      await expect.poll(clickLast).toBe(true);
    }
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(1280);
  });

  it('shows a stack layer by layer, each with its numbers', async () => {
    await open('#/?kind=lstm&units=2&layers=3&step=8');
    const first = await formula();
    await page.getByRole('button', { name: '3. LSTM' }).click();
    await expect.poll(formula).not.toBe(first);
    await expect.poll(() => page.locator('.formula strong').count()).toBe(6);
  });

  it('shows a network of Keras layer by layer, in a session that it steps', async () => {
    const file = readFileSync('test/golden/networks/char_lm.keras');
    const made = await app.inject({
      method: 'POST',
      url: '/v1/cells?id=letters',
      payload: file,
      headers: { 'content-type': 'application/x-keras' },
    });
    expect(made.statusCode).toBe(201);
    await make(app, '/v1/sessions', { id: 'letters', cell: 'letters', history: 10 });
    await call(app, 'POST', '/v1/sessions/letters/steps', { inputs: [[3, 1, 4]] });
    ({ page } = await openPage(browser.context, `${origin}/#/inspect/sessions/letters`));
    await page.getByText(/Step 3, rows: 1/).waitFor();
    await page.getByText(/the service keeps only states and outputs/).waitFor();
    await page.getByRole('button', { name: 'Take a step' }).click();
    await page.getByText(/Step 4, rows: 1/).waitFor();
    await page.getByRole('button', { name: '2. GRU' }).click();
    await expect.poll(() => page.locator('.formula strong').count()).toBe(4);
    await page.getByRole('button', { name: '3. Dense' }).click();
    await expect.poll(formula).toContain('y = x·W + b');
  });

  it('shows one direction of a GRU before and after its reset', async () => {
    await open('#/?kind=gru&units=2&step=5');
    expect(await formula()).toContain('r∘(h·Uh + b′h)');
    await page.getByLabel('Reset after the product').uncheck();
    await expect.poll(formula).toContain('(r∘h)·Uh');
  });

  it('plays, steps and takes a weight back by keys', async () => {
    await open('#/?kind=simple&units=1&step=3');
    const steps = async () => Number(await page.getByRole('slider').first().getAttribute('max'));
    const weight = page.locator('.variable').first().getByRole('textbox');
    await page.locator('body').press('ArrowRight');
    await expect.poll(steps).toBe(4);
    const before = await weight.inputValue();
    await weight.fill('2');
    await weight.press('Enter');
    await weight.blur();
    await page.locator('body').press('Control+z');
    await expect.poll(() => weight.inputValue()).toBe(before);
    await page.locator('body').press('Space');
    await expect.poll(steps).toBeGreaterThan(6);
    await page.locator('body').press('Space');
    await page.getByRole('button', { name: 'Play', exact: true }).waitFor();
  });

  it('tells a screen reader what the plots, the heatmap and the diagram show', async () => {
    await open('#/?kind=gru&units=2&step=12');
    const said = async () => (await page.locator('figcaption').allTextContents()).slice(0, 3);
    await expect
      .poll(said)
      .toEqual([
        expect.stringMatching(/^Plot of Input, step 1 to 12\. Newest values: x₁: −?\d/),
        expect.stringMatching(/^Plot of State h, step 1 to 12\. Newest values: h₁: −?[\d.]+; h₂: /),
        expect.stringMatching(/2 units over 12 steps\. Newest values: /),
      ]);
    expect(await page.locator('.diagram').getAttribute('aria-label')).toMatch(/new state h′: −?[\d.]+, −?[\d.]+/);
  });

  it('sees a gradient vanish, and one explode', async () => {
    for (const [recurrent, verdict] of [
      ['0.1', 'The gradient vanishes.'],
      ['3', 'The gradient explodes.'],
    ]) {
      await open('#/?kind=simple&units=1&activation=linear&step=1');
      const weight = page.locator('.variable').nth(1).getByRole('textbox');
      await weight.fill(recurrent);
      await weight.press('Enter');
      await expect.poll(() => weight.inputValue()).toBe(recurrent);
      for (let i = 2; i <= 7; i++) {
        await page.getByRole('button', { name: 'Step', exact: true }).click();
        await page.getByText(`Step ${i} of ${i}`).waitFor();
      }
      await page.getByRole('button', { name: 'Measure at this step' }).click();
      await page.getByText(verdict).waitFor();
      await page.close();
    }
  });
});
