import type { Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startApp, type TestApp } from '../support/app.ts';
import { call, make } from '../support/call.ts';
import { type Browser, hasChromium, startBrowser } from './chromium.ts';

const KEY = 'a-key-of-this-service';

describe.runIf(hasChromium('The page at /'))('the page at /', () => {
  const complaints: string[] = [];
  const requests: string[] = [];
  let browser: Browser;
  let app: TestApp;
  let origin: string;
  let page: Page;

  beforeAll(async () => {
    browser = await startBrowser();
  });
  afterAll(() => browser?.close());

  async function open(options: Parameters<typeof startApp>[0] = {}): Promise<void> {
    app = await startApp(options);
    origin = await app.listen({ host: '127.0.0.1', port: 0 });
    complaints.length = 0;
    requests.length = 0;
    page = await browser.context.newPage();
    page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()));
    page.on('pageerror', (error) => complaints.push(String(error)));
    page.on('request', (request) => requests.push(request.url()));
    await page.goto(origin);
  }
  afterEach(async () => {
    await page.close();
    await app.close();
  });

  const press = (name: string | RegExp) => page.getByRole('button', { name, exact: true }).click();
  const shows = (selector: string, text: string) => page.locator(selector, { hasText: text }).waitFor();
  const field = (name: string) => page.getByLabel(name, { exact: true });

  describe('of a service without keys', () => {
    beforeEach(() => open());

    it('takes the steps of the tutorial, 6 and then 22, and carries the state along', async () => {
      await press('Step');
      await shows('#sum', '2·1 + 1·1 + 3 = 6');
      expect(await field('state h 1').inputValue()).toBe('6');
      await press(/= 22/);
      expect(await field('state h 1').inputValue()).toBe('6');
      await press('Step');
      await shows('#sum', '3·1 + 6·3 + 1 = 22');
      await press('Step');
      await shows('#sum', '3·1 + 22·3 + 1 = 70');
      expect(await page.locator('#history tbody tr').count()).toBe(2);
      await press('Apply');
      await shows('#op-output', 'tanh([-Infinity, 6, Infinity]) = [-1, 0.9999877, 1]');
      expect(complaints).toEqual([]);
      expect(requests.filter((url) => !url.startsWith(`${origin}/`) && !url.startsWith('data:'))).toEqual([]);
    });

    it('shows the gates that the service computes, with the weights that were typed in', async () => {
      await press(/LSTM/);
      await field('bias b i1').fill('2');
      await field('bias b i1').blur();
      await shows('#sent', '"bias":[2,');
      await press('Step');
      await shows('#gates', 'c′, new memory');
      expect(await page.locator('#gates tbody tr').count()).toBe(10);
      const answered = await page.locator('#answered').textContent();
      const { trace } = JSON.parse(answered?.split('\n')[1] ?? '');
      const [input] = await page.locator('#gates tbody tr').first().locator('td').nth(1).allTextContents();
      expect(Number(input)).toBe(trace.i.before[0][0]);
      await page.getByLabel('Kind').selectOption('GRU');
      await shows('#formula', 'h′ = z∘h + (1 − z)∘ĥ');
      await press('Step');
      await shows('#gates', 'r, reset');
    });

    it('says what the service refuses, at its field', async () => {
      await field('kernel x1 h1').fill('many');
      await field('kernel x1 h1').blur();
      await shows('#problem', '"many" is not a number');
      expect(await field('kernel x1 h1').getAttribute('aria-invalid')).toBe('true');
      await field('kernel x1 h1').fill('∞');
      await press('Step');
      await shows('#sum', 'Infinity');
      expect(await page.locator('#problem').isVisible()).toBe(false);
    });

    it('leaves no cell behind, and those of others alone', async () => {
      await make(app, '/v1/cells', { id: 'mine', class_name: 'GRUCell', config: { units: 1 } });
      await press(/GRU/);
      await shows('#formula', 'z = σ');
      const ids = async () => {
        const { items } = (await call(app, 'GET', '/v1/cells')).body as { items: { id: string }[] };
        return items.map(({ id }) => id);
      };
      await expect.poll(ids).toHaveLength(2);
      await page.goto('about:blank');
      await expect.poll(ids).toEqual(['mine']);
    });
  });

  it('asks for a key where the service has some', async () => {
    await open({ apiKeys: [KEY] });
    await field('This service asks for a key').fill(KEY);
    await press('Use it');
    await press('Step');
    await shows('#sum', '= 6');
    expect(await page.locator('#key').isVisible()).toBe(false);
  });
});
