import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApp, type TestApp } from '../support/app.ts';
import { type Browser, hasChromium, startBrowser } from './chromium.ts';

describe.runIf(hasChromium('Swagger UI'))('Swagger UI at /docs', () => {
  const requests: string[] = [];
  const complaints: string[] = [];
  let app: TestApp;
  let origin: string;
  let browser: Browser;
  let page: Page;

  beforeAll(async () => {
    app = await startApp();
    origin = await app.listen({ host: '127.0.0.1', port: 0 });
    browser = await startBrowser();
    page = await browser.context.newPage();
    browser.context.on('request', (request) => requests.push(request.url()));
    page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()));
    page.on('pageerror', (error) => complaints.push(String(error)));
    await page.goto(`${origin}/docs`);
    await page.locator('.opblock-tag').first().waitFor();
  });

  afterAll(async () => {
    await browser?.close();
    await app?.close();
  });

  /** Opens the operation, takes what is filled in, and waits for the reply; leaves it closed again. */
  async function tryOut(operationId: string): Promise<{ status: number; body: unknown }> {
    const block = page.locator(`.opblock[id$="-${operationId}"]`);
    const head = block.locator('.opblock-summary-control').first();
    await head.click();
    await block.getByRole('button', { name: 'Try it out' }).click();
    await block.getByRole('button', { name: 'Execute' }).click();
    const live = block.locator('.live-responses-table .response');
    await live.waitFor();
    const status = await live.locator('.response-col_status').textContent();
    const [text] = await live.locator('.highlight-code code').allTextContents();
    await head.click();
    return {
      status: Number.parseInt(status ?? '', 10),
      body: text?.startsWith('{') ? JSON.parse(text) : undefined,
    };
  }

  it('begins with its groups closed, each of which opens', async () => {
    expect(await page.locator('.opblock').count()).toBe(0);
    for (const tag of await page.locator('.opblock-tag').all()) await tag.click();
    await expect.poll(() => page.locator('.opblock').count()).toBeGreaterThan(40);
  });

  it('finds a group by its name, and opens an operation by its address', async () => {
    const other = await browser.context.newPage();
    try {
      await other.goto(`${origin}/docs#/Sessions/stepSession`);
      await other.locator('.opblock.is-open[id$="-stepSession"]').waitFor();
      await other.locator('.operation-filter-input').fill('Checkpoints');
      await expect.poll(() => other.locator('.opblock-tag').count()).toBe(1);
    } finally {
      await other.close();
    }
  });

  it('has no padlocks where no key is asked for, and links to the page and back', async () => {
    expect(await page.locator('.authorization__btn:visible, .scheme-container:visible').count()).toBe(0);
    const other = await browser.context.newPage();
    try {
      await other.goto(`${origin}/docs`);
      await other.getByRole('link', { name: 'Learn' }).click();
      await other.waitForURL(`${origin}/#/learn**`);
      await other.getByRole('link', { name: 'API' }).click();
      await other.waitForURL(`${origin}/docs`);
    } finally {
      await other.close();
    }
  });

  it('has padlocks on routes that need a key, and none on open routes', async () => {
    const locked = await startApp({ apiKeys: ['a-key-of-this-service'] });
    const other = await browser.context.newPage();
    try {
      await other.goto(`${await locked.listen({ host: '127.0.0.1', port: 0 })}/docs`);
      await other.locator('.opblock-tag[data-tag="Service"]').click();
      const padlocks = (id: string) => other.locator(`.opblock[id$="-${id}"] .authorization__btn:visible`).count();
      await expect.poll(() => padlocks('readMetrics')).toBe(1);
      expect(await padlocks('readHealth')).toBe(0);
    } finally {
      await other.close();
      await locked.close();
    }
  });

  it('is dark where the system is', async () => {
    const background = () => page.evaluate('getComputedStyle(document.documentElement).backgroundColor');
    const light = await background();
    await page.emulateMedia({ colorScheme: 'dark' });
    await expect.poll(() => page.evaluate('document.documentElement.className')).toBe('dark-mode');
    expect(await background()).not.toBe(light);
    expect(await page.evaluate('getComputedStyle(document.body).backgroundColor')).toBe(await background());
    await page.emulateMedia({ colorScheme: 'light' });
  });

  it('lists the groups in the order in which a newcomer reads them', async () => {
    const tags = await page
      .locator('.opblock-tag')
      .evaluateAll((all) => all.map((tag) => tag.getAttribute('data-tag')));
    expect(tags).toEqual(['Cells', 'Training', 'Variables', 'Ops', 'Sessions', 'Checkpoints', 'Service']);
  });

  it.each([
    ['createCell', 201, { id: 'cell', class_name: 'SimpleRNNCell' }],
    ['stepCell', 200, { output: [[6]], states: [[[6]]] }],
    ['createVariable', 201, { id: 'v', value: 1 }],
    ['assignAddVariable', 200, { value: 1.5 }],
    ['applyOp', 200, { output: [-1, 0.9999877, 1] }],
    ['openSession', 201, { id: 's' }],
    ['stepSession', 200, { output: [[5]], step: 1 }],
    ['resetSession', 200, { step: 0 }],
    ['saveCheckpoint', 201, { id: 'ckpt' }],
    ['restoreCheckpoint', 200, { restored: { variables: ['v'] } }],
    ['listCells', 200, { next_cursor: null }],
    ['deleteSession', 204, undefined],
    ['deleteCell', 204, undefined],
  ])('runs %s at the first click', async (operationId, status, body) => {
    const reply = await tryOut(operationId);
    expect(reply.status).toBe(status);
    if (body) expect(reply.body).toMatchObject(body);
    else expect(reply.body).toBeUndefined();
  });

  it('shows the schema of every body and reply without an error', async () => {
    for (const button of await page.locator('section.models .models-control').all()) await button.click();
    await expect.poll(() => page.locator('section.models .json-schema-2020-12').count()).toBeGreaterThan(20);
  });

  it('shows what is not JSON without an error', async () => {
    for (const operationId of ['readOpenApiYaml', 'readMetrics', 'readProblem', 'readWeights']) {
      const block = page.locator(`.opblock[id$="-${operationId}"]`);
      const head = block.locator('.opblock-summary-control').first();
      await head.click();
      await block.locator('.responses-table .response').first().waitFor();
      await head.click();
    }
    expect(complaints).toEqual([]);
  });

  it.each(['/docs', '/problems/not-found'])('has lines that a phone can show: %s', async (path) => {
    const phone = await browser.context.newPage();
    try {
      const device = await browser.context.newCDPSession(phone);
      const metrics = { width: 390, height: 844, deviceScaleFactor: 1, mobile: true };
      await device.send('Emulation.setDeviceMetricsOverride', metrics);
      await phone.goto(`${origin}${path}`);
      await phone.locator('h1, h2').first().waitFor();
      expect(await phone.evaluate('document.documentElement.scrollWidth')).toBe(390);
    } finally {
      await phone.close();
    }
  });

  it('asks nothing of any other host, and breaks no policy', () => {
    expect(requests.length).toBeGreaterThan(10);
    expect(requests.filter((url) => !/^(http:\/\/127\.0\.0\.1:|data:)/.test(url))).toEqual([]);
    expect(complaints).toEqual([]);
  });
});
