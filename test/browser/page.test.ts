import { readFileSync } from 'node:fs';
import type { Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { freePort } from '../../scripts/free-port.ts';
import { startApp, type TestApp } from '../support/app.ts';
import { call, make } from '../support/call.ts';
import { PATIENCE_MS } from '../support/patience.ts';
import { type Browser, hasChromium, startBrowser } from './chromium.ts';
import { type OpenPage, openPage } from './open-page.ts';

const KEY = 'a-key-of-this-service';
/** What a browser says of a refusal, which the page shows in its own place. */
const REFUSED = /the server responded with a status of (401|404|405|409|422)/;

/** A WAV file of one channel, PCM of 16 bits. */
function wav(samples: readonly number[]): Uint8Array {
  const file = Buffer.alloc(44 + 2 * samples.length);
  file.write('RIFF', 0);
  file.writeUInt32LE(36 + 2 * samples.length, 4);
  file.write('WAVEfmt ', 8);
  file.writeUInt32LE(16, 16);
  file.writeUInt16LE(1, 20);
  file.writeUInt16LE(1, 22);
  file.writeUInt32LE(8000, 24);
  file.writeUInt32LE(16_000, 28);
  file.writeUInt16LE(2, 32);
  file.writeUInt16LE(16, 34);
  file.write('data', 36);
  file.writeUInt32LE(2 * samples.length, 40);
  for (const [i, sample] of samples.entries()) file.writeInt16LE(sample, 44 + 2 * i);
  return file;
}

describe.runIf(hasChromium('The page at /'))('the page at /', () => {
  let browser: Browser;
  let app: TestApp;
  let origin: string;
  let opened: OpenPage;
  let page: Page;

  beforeAll(async () => {
    browser = await startBrowser();
    app = await startApp();
    origin = await app.listen({ host: '127.0.0.1', port: 0 });
  });
  afterAll(async () => {
    await browser?.close();
    await app?.close();
  });
  afterEach(async () => {
    await page?.close();
    // A page deletes its cells as it goes; the next test begins without them.
    await expect.poll(ownCells).toEqual([]);
    expect(opened.complaints.filter((text) => !REFUSED.test(text))).toEqual([]);
    expect(opened.requests.filter((url) => !/^(http:\/\/127\.0\.0\.1:|data:|blob:)/.test(url))).toEqual([]);
  });

  async function open(hash = '', at = origin): Promise<void> {
    opened = await openPage(browser.context, `${at}/${hash}`);
    page = opened.page;
  }
  const press = (name: string | RegExp) =>
    page
      .getByRole('button', { name, exact: typeof name === 'string' })
      .first()
      .click();
  const shows = (text: string | RegExp) => page.getByText(text).first().waitFor();
  const choose = (label: string, value: string) => page.getByLabel(label, { exact: true }).selectOption(value);
  const fill = async (label: string | RegExp, value: string) => {
    const field = page.getByLabel(label, { exact: typeof label === 'string' }).first();
    await field.fill(value);
    await field.blur();
  };
  const formula = () => page.locator('.formula').first().textContent();
  const count = async () => Number(await page.getByRole('slider').first().getAttribute('max'));
  const cells = async () =>
    ((await call(app, 'GET', '/v1/cells')).body as { items: { id: string }[] }).items.map(({ id }) => id);
  /** Cells that a page made for itself, and deletes when it goes. */
  const ownCells = async () => (await cells()).filter((id) => /^(playground|learn)-/.test(id));

  it('moves by itself at once, says what is seen, and leads on', async () => {
    await open();
    await shows(/This is a small network: GRU with 6 units/);
    await expect.poll(count).toBeGreaterThan(2);
    expect(await page.locator('.ways a').allTextContents()).toEqual([
      'Take the tutorial',
      'Teach it a task',
      'Inspect a session',
    ]);
    expect(await page.locator('.diagram').getAttribute('aria-label')).toMatch(/update gate z: 0\.\d+/);
  });

  it('leaves no cell behind, and does not touch other cells', async () => {
    await make(app, '/v1/cells', { id: 'mine', class_name: 'GRUCell', config: { units: 1 } });
    await open();
    await expect.poll(ownCells).toHaveLength(1);
    await choose('Kind', 'lstm');
    await page.locator('.node-f').waitFor();
    await expect.poll(ownCells).toHaveLength(1);
    await page.goto('about:blank');
    await expect.poll(ownCells).toEqual([]);
    expect(await cells()).toContain('mine');
  });

  it.each([
    ['simple', {}, ['h′ = tanh(x·W + h·U + b)']],
    ['gru', {}, ['z = σ(x·Wz + h·Uz + bz + b′z)', 'ĥ = tanh(x·Wh + bh + r∘(h·Uh + b′h))', 'h′ = z∘h + (1 − z)∘ĥ']],
    ['gru', { reset_after: 0, bias: 0 }, ['z = σ(x·Wz + h·Uz)', 'ĥ = tanh(x·Wh + (r∘h)·Uh)']],
    ['lstm', { activation: 'relu' }, ['ĉ = relu(x·Wc + h·Uc + bc)', 'c′ = f∘c + i∘ĉ', 'h′ = o∘relu(c′)']],
  ])('shows the formula of %s with options %o, and a number for each line', async (kind, options, lines) => {
    await open(`#/?${new URLSearchParams({ kind, units: '2', step: '5', ...options } as never)}`);
    await page.locator('.formula strong').first().waitFor();
    const text = await formula();
    for (const line of lines) expect(text).toContain(line);
    expect(await page.locator('.formula strong').count()).toBe(await page.locator('.formula dt').count());
  });

  it('changes a weight in place, and takes it back and again', async () => {
    await open('#/?kind=simple&units=1&activation=linear&step=1');
    await page.locator('.formula strong').first().waitFor();
    const field = page.locator('.variable', { hasText: 'bias' }).getByRole('textbox');
    await field.fill('3');
    await field.press('Enter');
    await press('Step');
    await expect.poll(formula).toMatch(/ \+ 3 = /);
    await press(/Undo/);
    await expect.poll(() => field.inputValue()).toBe('0');
    await press(/Redo/);
    await expect.poll(() => field.inputValue()).toBe('3');
    await field.fill('many');
    await field.press('Enter');
    await shows('This is not a number.');
    expect(await field.getAttribute('aria-invalid')).toBe('true');
  });

  it('changes a weight by dragging it, and chooses one by arrow keys', async () => {
    await open('#/?kind=simple&units=2&step=1');
    const kernel = page.locator('.variable').first();
    const field = kernel.getByRole('textbox');
    await expect.poll(() => field.inputValue()).not.toBe('');
    const before = Number(await field.inputValue());
    const box = (await kernel.locator('canvas').boundingBox())!;
    await page.mouse.move(box.x + 10, box.y + 8);
    await page.mouse.down();
    await page.mouse.move(box.x + 10, box.y - 40, { steps: 4 });
    await page.mouse.up();
    await expect.poll(async () => Number(await field.inputValue())).toBeGreaterThan(before + 0.1);
    await kernel.locator('canvas').press('ArrowRight');
    await kernel.getByLabel('x1 → h2').waitFor();
  });

  it('goes back to any step, forks there, and shows both futures', async () => {
    await open('#/?kind=gru&units=3&step=40');
    await page.getByRole('slider').first().fill('20');
    await shows('Step 20 of 40');
    await expect.poll(() => page.url()).toContain('step=20');
    await press('Fork after step 20');
    await shows('The two futures separate after step 20.');
    await fill('x1 at step 21', '5');
    await page.locator('.u-legend', { hasText: 'h₁, fork' }).waitFor();
    await press('End the fork');
    await press('Measure at this step');
    await shows(/The gradient (vanishes|stays|explodes)/);
  });

  it('plays text, typed values and a dropped file', async () => {
    await open('#/?kind=gru&units=2&step=1');
    await choose('Signal', 'text');
    await fill('Text to read', 'abc');
    await shows(/It has 3 steps/);
    await page.getByText('Type the values').click();
    await fill(/One step per line/, '1\n2\n');
    await shows(/It has 2 steps/);
    await fill(/One step per line/, '1\n2,3\n');
    await shows('Line 2 does not have 1 numbers.');
    const file = (text: string) => ({ name: 'signal.csv', mimeType: 'text/csv', buffer: Buffer.from(text) });
    await page.locator('input[type=file]').setInputFiles(file('1,2\n3,x'));
    await shows(/Line 2 of the file/);
    await page.locator('input[type=file]').setInputFiles(file('1,2\n3,4\n5,6\n'));
    await shows(/It has 3 steps/);
    await expect.poll(() => page.getByLabel('Features', { exact: true }).inputValue()).toBe('2');
  });

  it('plays a WAV file that is dropped on it, and says why it cannot play another', async () => {
    await open('#/?kind=gru&units=2&step=1');
    await shows('Step 1 of 1');
    const drop = (bytes: Uint8Array, name: string) =>
      page.evaluate(`(() => {
        const transfer = new DataTransfer();
        transfer.items.add(new File([new Uint8Array(${JSON.stringify([...bytes])})], ${JSON.stringify(name)}));
        const target = document.querySelector('.board').closest('.card');
        for (const type of ['dragover', 'drop'])
          target.dispatchEvent(new DragEvent(type, { bubbles: true, cancelable: true, dataTransfer: transfer }));
      })()`);
    await drop(wav([0, 16384, -16384, 32767, -32768, 8192]), 'tone.wav');
    await shows(/It has 6 steps/);
    await press('Step');
    await press('Step');
    await expect.poll(formula).toMatch(/0\.5/);
    await drop(new Uint8Array([82, 73, 70, 70]), 'broken.wav');
    await shows(/not a WAV file that the page can read/);
  });

  it('loses nothing by a reload', async () => {
    await open('#/?kind=lstm&units=2&step=30');
    await shows('Step 30 of 30');
    const before = await formula();
    await page.reload();
    await shows('Step 30 of 30');
    await expect.poll(formula).toBe(before);
  });

  it('says what the service refuses beside the field', async () => {
    await open('#/?kind=gru&units=2&step=1');
    await shows('Step 1 of 1');
    await fill('Units', '0');
    const units = page.getByLabel('Units');
    await expect.poll(() => units.getAttribute('aria-invalid')).toBe('true');
    expect(await page.locator('.field', { has: units }).locator('.error').textContent()).toContain('units');
  });

  it('learns, shows that it does, and keeps a run to compare with', async () => {
    await open('#/learn?task=echo');
    await shows(/what it heard 2 steps before/);
    await press('Train');
    await expect
      .poll(async () => Number(/^(\d+) steps/.exec((await page.locator('.figures').textContent())!)?.[1]))
      .toBeGreaterThan(10);
    await press('Pause');
    await press('One step');
    await press('Start again');
    await shows('Compare with earlier runs');
    await shows(/^0 steps/);
    await choose('Task', 'characters');
    await shows(/say the next letter/);
    await expect.poll(() => page.url()).toContain('task=characters');
  });

  it('keeps a copy of what it learned where asked to, and leaves nothing else behind', async () => {
    await open('#/learn?task=sine');
    await press('One step');
    await shows(/^1 steps/);
    await expect.poll(ownCells).toHaveLength(1);
    await press('Keep this network');
    await page.getByRole('link', { name: 'sine-gru-16' }).waitFor();
    await page.goto('about:blank');
    await expect.poll(ownCells).toEqual([]);
    expect(await cells()).toContain('sine-gru-16');
    await expect.poll(async () => (await call(app, 'GET', '/v1/checkpoints')).body).toMatchObject({ items: [] });
  });

  it('goes on with a training after a reload, its optimizer included', async () => {
    await open('#/learn?task=sine');
    await press('One step');
    await shows(/^1 steps/);
    await press('One step');
    await shows(/^2 steps/);
    await expect.poll(() => page.evaluate(`JSON.parse(sessionStorage['cellstep.learn']).losses.length`)).toBe(2);
    await page.reload();
    await shows(/^2 steps/);
    await press('One step');
    await shows(/^3 steps/);
    const [id] = await ownCells();
    // The page shows a step when it has its loss; the step is committed after that.
    const optimizer = async () => (await call(app, 'GET', `/v1/cells/${id}/optimizer`)).body;
    await expect.poll(optimizer).toMatchObject({ iteration: 3 });
  });

  it.each(['#/', '#/learn'])('leaves nothing behind when it goes while the service makes a cell: %s', async (hash) => {
    await open('#/tour');
    await page.route('**/v1/cells', async (route) => {
      // The service makes the cell; its answer comes too late.
      if (route.request().method() === 'POST') await route.fetch();
      else await route.continue();
    });
    await page.evaluate(`location.hash = ${JSON.stringify(hash)}`);
    await expect.poll(ownCells).toHaveLength(1);
    await page.goto('about:blank');
    await expect.poll(ownCells).toEqual([]);
  });

  it('shows a session, its steps as they arrive, and any step it keeps', async () => {
    await open('#/inspect/sessions');
    const heard: string[] = [];
    page.on('websocket', (socket) => socket.on('framereceived', ({ payload }) => heard.push(String(payload))));
    await press('Make an example session');
    await shows(/^Step 60, rows: 1/);
    await expect.poll(() => heard.length).toBeGreaterThan(0);
    const id = new URL(page.url()).hash.split('/').at(-1)!;
    await call(app, 'POST', `/v1/sessions/${id}/steps`, { inputs: [[0.5]] });
    await shows(/^Step 61, rows: 1/);
    await expect.poll(() => heard.some((text) => text.includes('"event":"changed"'))).toBe(true);
    await fill(/^Input \(numbers: 1/, 'one');
    await press('Take a step');
    await shows('This is not a number.');
    await fill(/^Input \(numbers: 1/, '1, 2');
    await press('Take a step');
    await shows(/Send 1 features/);
    await fill(/^Input \(numbers: 1/, '1');
    await press('Take a step');
    await shows(/^Step 62, rows: 1/);
    expect(await page.locator('.formula strong').count()).toBe(4);
    await page.getByRole('slider').first().fill('9');
    await shows('Rewind to step 10');
    await press('Rewind to step 10');
    await shows(/^Step 10, rows: 1/);
    await press('Fork at step 10');
    await expect.poll(() => page.url().includes(id)).toBe(false);
    await shows(/^Step 10, rows: 1/);
  });

  it('finds cells, makes one from a file, and warns of weights that are not numbers', async () => {
    await make(app, '/v1/cells', {
      id: 'broken',
      class_name: 'SimpleRNNCell',
      config: { units: 1 },
      weights: { kernel: [['NaN']], recurrent_kernel: [[1]], bias: [0] },
      input_shape: [null, 1],
    });
    await open('#/inspect/cells?search=roken');
    await shows(/^Nothing matches/);
    await fill('Id begins with', 'brok');
    await page.getByLabel('Id begins with').press('Enter');
    await page.getByRole('link', { name: 'broken' }).click();
    await shows('kernel has numbers that are NaN or infinite.');
    const [download] = await Promise.all([page.waitForEvent('download'), press('safetensors')]);
    expect(download.suggestedFilename()).toBe('broken.safetensors');
    await page.goto(`${origin}/#/inspect/cells`);
    await page
      .locator('input[type=file]')
      .setInputFiles(
        await download.path().then((path) => ({ name: 'copy.safetensors', mimeType: '', buffer: readFileSync(path) })),
      );
    await shows(/Understood: SimpleRNNCell of keras, 3 parameters/);
    await page.locator('input[type=file]').setInputFiles({ name: 'notes.txt', mimeType: '', buffer: Buffer.from('a') });
    await shows(/“notes.txt” does not end in/);
  });

  it('saves a checkpoint, restores and deletes it', async () => {
    await make(app, '/v1/variables', { id: 'kept', value: 1 });
    await open('#/inspect/checkpoints');
    await page.getByLabel('Variables').fill('kept');
    await fill('Id (optional)', 'before');
    await press('Save');
    await shows('Checkpoint before');
    await call(app, 'POST', '/v1/variables/kept/assign', { value: 5 });
    await press('Restore');
    await press('Restore: are you sure?');
    await shows('These have their saved values again:');
    expect((await call(app, 'GET', '/v1/variables/kept')).body).toMatchObject({ value: 1 });
    await press('Delete');
    await press('Delete: are you sure?');
    await shows('There are no checkpoints yet.');
  });

  it('does each line of the tutorial, and shows 6, 22, tanh of infinities and a restored variable', async () => {
    await open('#/tour/5');
    await page.locator('.result', { hasText: '[-1,0.9999877,1]' }).waitFor();
    await page.getByRole('link', { name: 'Next' }).click();
    await expect.poll(formula).toContain('2·1 + 1·1 + 3 = 6');
    expect(await page.locator('.lines[aria-current]').textContent()).toContain('out, ht = cell(xt, ht_1)');
    await page.getByRole('link', { name: 'Next' }).click();
    await expect.poll(formula).toContain('3·1 + 6·3 + 1 = 22');
    await press('Python');
    await page.locator('.call pre', { hasText: 'import requests' }).waitFor();
    await page.goto(`${origin}/#/tour/15`);
    await page.locator('.result', { hasText: '1.25' }).waitFor();
    await press('From the start');
    await shows('1 of 15');
  });

  it('speaks Chinese, and remembers it', async () => {
    await open('#/tour');
    await page.getByLabel('Language').first().selectOption('zh');
    await shows('逐行学习教程');
    expect(await page.evaluate('document.documentElement.lang')).toBe('zh-Hans');
    await page.reload();
    await shows('逐行学习教程');
    await page.getByLabel('语言').first().selectOption('en');
  });

  it('asks for a key once, and goes on', async () => {
    const locked = await startApp({ apiKeys: [KEY] });
    const at = await locked.listen({ host: '127.0.0.1', port: 0 });
    try {
      await open('', at);
      await page.getByLabel('API key').fill('not-a-key-of-this-service');
      await press('Use this key');
      await shows('This service does not know the key that was sent.');
      await page.getByLabel('API key').fill(KEY);
      await press('Use this key');
      await expect.poll(count).toBeGreaterThan(1);
      await page.reload();
      await expect.poll(count).toBeGreaterThan(1);
      expect(await page.getByRole('dialog').count()).toBe(0);
    } finally {
      await page.goto('about:blank');
      await locked.close();
    }
  });

  it('follows a session over a socket with the key of the tab', async () => {
    const locked = await startApp({ apiKeys: [KEY] });
    const at = await locked.listen({ host: '127.0.0.1', port: 0 });
    const post = (path: string, body: unknown) =>
      locked.inject({
        method: 'POST',
        url: path,
        payload: body as object,
        headers: { authorization: `Bearer ${KEY}` },
      });
    try {
      await post('/v1/cells', { id: 'c', class_name: 'GRUCell', config: { units: 2 }, input_shape: [null, 1] });
      await post('/v1/sessions', { id: 's', cell: 'c', history: 10 });
      await open('#/tour', at);
      const sent: string[] = [];
      const heard: string[] = [];
      page.on('websocket', (socket) => {
        socket.on('framesent', ({ payload }) => sent.push(String(payload)));
        socket.on('framereceived', ({ payload }) => heard.push(String(payload)));
      });
      await page.goto(`${at}/#/inspect/sessions/s`);
      await page.getByLabel('API key').fill(KEY);
      await press('Use this key');
      await shows(/^Step 0, rows: 1/);
      await expect.poll(() => sent.some((text) => text.includes('"op":"auth"'))).toBe(true);
      await expect.poll(() => heard.length).toBeGreaterThan(0);
      await post('/v1/sessions/s/steps', { inputs: [[0.5]] });
      await shows(/^Step 1, rows: 1/);
      await expect.poll(() => heard.some((text) => text.includes('"event":"changed"'))).toBe(true);
    } finally {
      await page.goto('about:blank');
      await locked.close();
    }
  });

  it('notices that the service is gone, and goes on when it is back, with its weights', async () => {
    let frail = await startApp();
    const address = { host: '127.0.0.1', port: await freePort() };
    const at = await frail.listen(address);
    try {
      await open('', at);
      await expect.poll(count).toBeGreaterThan(2);
      const weights = () => page.locator('.variable').first().getByRole('textbox').inputValue();
      const before = await weights();
      await frail.close();
      await shows('The service does not answer.');
      const seen = await count();
      frail = await startApp({ run: 'b' });
      await frail.listen(address);
      await expect.poll(count).toBeGreaterThan(seen);
      expect(await weights()).toBe(before);
      await expect.poll(() => page.locator('.banner').count()).toBe(0);
    } finally {
      await page.goto('about:blank');
      await frail.close();
      opened.complaints.length = 0;
    }
  });

  it('plots and scrubs ten thousand steps', async () => {
    await open('#/?kind=gru&units=8&step=1');
    await shows('Step 1 of 1');
    await choose('Steps shown', 'all');
    await choose('Speed', '1000');
    await press('Play');
    await expect.poll(count, { timeout: 4 * PATIENCE_MS }).toBe(10_000);
    const slider = page.getByRole('slider').first();
    for (const step of [9000, 5000, 1, 7500]) await slider.fill(String(step));
    await shows('Step 7500 of 10000');
  });
});
