import type { Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { startApp, type TestApp } from '../support/app.ts';
import { call, make } from '../support/call.ts';
import { accumulator } from '../support/onnx-models.ts';
import { type Browser, hasChromium, startBrowser } from './chromium.ts';
import { openPage } from './open-page.ts';

describe.runIf(hasChromium('The view of the service'))('the view of what the service holds', () => {
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
  };
  const press = (name: string) => page.getByRole('button', { name, exact: true }).click();

  it('lists a page at a time, forward and back', async () => {
    for (let i = 10; i < 40; i++) await make(app, '/v1/variables', { id: `v${i}`, value: i });
    for (let i = 10; i < 40; i++) await make(app, '/v1/checkpoints', { id: `c${i}`, variables: [`v${i}`] });
    await open('#/inspect/checkpoints');
    await page.getByRole('link', { name: 'c34' }).waitFor();
    expect(await page.getByRole('link', { name: 'c35' }).count()).toBe(0);
    await press('Next page');
    await page.getByRole('link', { name: 'c39' }).waitFor();
    await press('Previous page');
    await page.getByRole('link', { name: 'c10' }).waitFor();
  });

  it('makes a cell by its options, downloads it in every format, opens a session on it, and deletes both', async () => {
    await open('#/inspect/cells');
    await page.getByLabel('Kind', { exact: true }).selectOption('lstm');
    await page.getByLabel('Id (optional)').fill('made-here');
    await press('Make');
    await page.getByRole('heading', { name: 'Cell made-here' }).waitFor();
    expect((await call(app, 'GET', '/v1/cells/made-here')).body).toMatchObject({ class_name: 'LSTMCell' });
    for (const [button, file] of [
      ['JSON', 'made-here.json'],
      ['safetensors', 'made-here.safetensors'],
      ['NumPy .npz', 'made-here.npz'],
      ['Keras .weights.h5', 'made-here.weights.h5'],
      ['Keras .keras', 'made-here.keras'],
    ]) {
      const [download] = await Promise.all([page.waitForEvent('download'), press(button)]);
      expect(download.suggestedFilename()).toBe(file);
    }
    await press('ONNX');
    await page
      .locator('section', { hasText: 'Download the weights' })
      .getByText(/names no type that cell/)
      .waitFor();
    await page.getByLabel('Id (optional)').fill('opened-here');
    await press('Open');
    await page.getByText(/^Step 0, rows: 1/).waitFor();
    await press('Delete');
    await press('Delete: are you sure?');
    await page.getByText('There are no sessions yet.').waitFor();
    await page.goto(`${origin}/#/inspect/cells/made-here`);
    await press('Delete');
    await press('Delete: are you sure?');
    await page.getByRole('heading', { name: 'Cells' }).waitFor();
    expect((await call(app, 'GET', '/v1/cells/made-here')).status).toBe(404);
  });

  it('warns of states that explode, and keeps the gates of the steps that are taken here', async () => {
    const config = { units: 1, activation: 'linear', kernel_initializer: 'ones', recurrent_initializer: 'ones' };
    await make(app, '/v1/cells', { id: 'pump', class_name: 'SimpleRNNCell', config, input_shape: [null, 1] });
    await make(app, '/v1/sessions', { id: 'pump', cell: 'pump', batch_size: 2, history: 50 });
    const step = Array.from({ length: 8 }, () => [1000]);
    await call(app, 'POST', '/v1/sessions/pump/steps', { inputs: [step, step] });
    await open('#/inspect/sessions/pump');
    await page.getByText(/h grows beyond 1000/).waitFor();
    await page.getByLabel(/^Input \(numbers: 1/).fill('1');
    await press('Take a step');
    await page.locator('.formula', { hasText: '1·1 + 8000·1 + 0 = 8001' }).waitFor();
    await page.getByLabel('Row', { exact: true }).selectOption('1');
    await page.locator('.formula', { hasText: '1·1 + 8000·1 + 0 = 8001' }).waitFor();
    await call(app, 'POST', '/v1/sessions/pump/steps', { inputs: [[1], [1]] });
    await page.getByText(/^Step 10, rows: 2/).waitFor();
    await page.getByText(/the service keeps only states and outputs/).waitFor();
    await page.getByRole('slider').first().fill('8');
    await page.locator('.formula', { hasText: '8001' }).waitFor();
  });

  it('says what of a file it understood and what it skipped', async () => {
    await open('#/inspect/cells');
    const header = {
      kernel: { dtype: 'F32', shape: [1, 1], data_offsets: [0, 4] },
      recurrent_kernel: { dtype: 'F32', shape: [1, 1], data_offsets: [4, 8] },
      bias: { dtype: 'F32', shape: [1], data_offsets: [8, 12] },
      note: { dtype: 'F32', shape: [1], data_offsets: [12, 16] },
    };
    const text = Buffer.from(JSON.stringify(header));
    const size = Buffer.alloc(8);
    size.writeBigUInt64LE(BigInt(text.length));
    const buffer = Buffer.concat([size, text, Buffer.alloc(16)]);
    await page.locator('input[type=file]').setInputFiles({ name: 'weights.safetensors', mimeType: '', buffer });
    const card = page.locator('.drop');
    await expect.poll(() => card.textContent()).toMatch(/Understood|note/);
    expect(await card.textContent()).toContain('note');
  });

  it('shows a session of a whole ONNX graph, whose steps come from programs', async () => {
    const type = { 'content-type': 'application/x-onnx' };
    const made = await call(app, 'POST', '/v1/cells?graph=true&id=acc', accumulator(), type);
    expect(made.status, made.text).toBe(201);
    await make(app, '/v1/sessions', { id: 'acc', cell: 'acc', history: 5 });
    const { complaints, page: opened } = await openPage(browser.context, `${origin}/#/inspect/sessions/acc`);
    page = opened;
    await page.getByText(/take steps from a program, which names its inputs/).waitFor();
    expect(await page.getByRole('button', { name: 'Take a step' }).count()).toBe(0);
    for (const gain of [1, 10]) {
      const named_inputs = { x: [[1, 2]], gain };
      expect((await call(app, 'POST', '/v1/sessions/acc/steps', { named_inputs })).status).toBe(200);
    }
    await page.getByText(/Step 2, rows: 1/).waitFor();
    await press('Fork at step 2');
    await expect.poll(() => page.url()).not.toMatch(/sessions\/acc$/);
    await page.getByText(/Step 2, rows: 1/).waitFor();
    expect(complaints).toEqual([]);
  });

  it('stops sending a file where asked to', async () => {
    await open('#/inspect/cells');
    await page.route('**/v1/cells', (route) => (route.request().method() === 'POST' ? undefined : route.continue()));
    const buffer = Buffer.from('anything');
    await page.locator('input[type=file]').setInputFiles({ name: 'large.keras', mimeType: '', buffer });
    await page.locator('progress').waitFor();
    await press('Stop');
    await expect.poll(() => page.locator('progress').count()).toBe(0);
    expect(await page.locator('.error:visible').count()).toBe(0);
  });
});
