import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Locator, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { LANGUAGES, type Language, TEXTS, type TextName } from '../../web/src/texts/index.ts';
import { startApp, type TestApp } from '../support/app.ts';
import { PATIENCE_MS } from '../support/patience.ts';
import { type Browser, hasChromium, startBrowser } from './chromium.ts';
import { openPage } from './open-page.ts';

/** Pictures of each task go here, to be looked at. */
const PICTURES = process.env.CELLSTEP_PICTURES;

/** A person who reads one language, and does what the page's words say. */
class Newcomer {
  readonly page: Page;
  private readonly language: Language;
  private done = 0;

  constructor(page: Page, language: Language) {
    this.page = page;
    this.language = language;
  }

  text(name: TextName, values: Readonly<Record<string, string | number>> = {}): string {
    return TEXTS[this.language][name].replace(/\{(\w+)\}/g, (_, field: string) => String(values[field]));
  }

  /** The beginning of a text, up to its first blank to fill in. */
  beginning(name: TextName): RegExp {
    const [start] = TEXTS[this.language][name].split('{');
    return new RegExp(`${start.replace(/[.*+?^$()|[\]\\]/g, '\\$&')}`);
  }

  press(name: TextName, values?: Readonly<Record<string, string | number>>): Promise<void> {
    return this.page
      .getByRole('button', { name: this.text(name, values) })
      .first()
      .click();
  }

  follow(name: TextName): Promise<void> {
    return this.page
      .getByRole('link', { name: this.text(name), exact: true })
      .first()
      .click();
  }

  field(name: TextName, values?: Readonly<Record<string, string | number>>): Locator {
    return this.page
      .getByLabel(this.text(name, values), { exact: true })
      .and(this.page.locator('input, select, textarea'))
      .first();
  }

  sees(what: string | RegExp): Promise<void> {
    return this.page.getByText(what).first().waitFor();
  }

  /** A task is done; nothing that was refused is left on the page. */
  async did(task: string): Promise<void> {
    expect(await this.page.locator('.error:visible').allTextContents(), task).toEqual([]);
    this.done++;
    if (!PICTURES) return;
    mkdirSync(PICTURES, { recursive: true });
    const name = `${this.language}-${String(this.done).padStart(2, '0')}-${task.replaceAll(' ', '-')}.png`;
    await this.page.screenshot({ path: join(PICTURES, name), fullPage: true });
  }
}

/** The list in docs/page.md, in its order. */
const TASKS: readonly (readonly [string, (person: Newcomer) => Promise<void>])[] = [
  [
    'look back',
    async (person) => {
      await person.page.getByRole('slider').first().and(person.page.locator(':not([max="0"])')).waitFor();
      await expect
        .poll(() => person.page.getByRole('slider').first().getAttribute('max').then(Number))
        .toBeGreaterThan(12);
      await person.press('transport.pause');
      await person.page.getByRole('slider').first().fill('10');
      await person.sees(new RegExp(person.text('transport.scrub', { at: 10, count: '\\d+' })));
    },
  ],
  [
    'choose an LSTM',
    async (person) => {
      await person.field('option.kind').selectOption('lstm');
      await person.page.locator('.node-f').waitFor();
      await person.press('transport.step');
      await expect.poll(() => person.page.locator('.formula strong').count()).toBe(6);
    },
  ],
  [
    'draw a signal',
    async (person) => {
      const board = (await person.page.locator('.board canvas').first().boundingBox())!;
      await person.page.mouse.move(board.x + 20, board.y + 20);
      await person.page.mouse.down();
      await person.page.mouse.move(board.x + 200, board.y + 60, { steps: 8 });
      await person.page.mouse.up();
      expect(await person.field('signal.choose').inputValue()).toBe('drawn');
    },
  ],
  [
    'change a weight and undo it',
    async (person) => {
      const weight = person.page.locator('.variable').first().getByRole('textbox');
      const before = await weight.inputValue();
      await weight.fill('2');
      await weight.press('Enter');
      await expect.poll(() => weight.inputValue()).toBe('2');
      await person.press('weights.undo');
      await expect.poll(() => weight.inputValue()).toBe(before);
    },
  ],
  [
    'see two futures',
    async (person) => {
      for (let i = 0; i < 6; i++) await person.press('transport.step');
      await person.page.getByRole('slider').first().fill('3');
      await person.press('fork.start', { at: 3 });
      await person.field('fork.input', { name: 'x1', step: 4 }).fill('3');
      await person.field('fork.input', { name: 'x1', step: 4 }).press('Enter');
      await person.sees(person.text('fork.made', { from: 3 }));
    },
  ],
  [
    'measure how far the past reaches',
    async (person) => {
      await person.page.getByRole('slider').first().fill('7');
      await person.press('reach.measure');
      await person.sees(person.beginning('reach.factor'));
    },
  ],
  [
    'teach a task',
    async (person) => {
      await person.follow('view.learn');
      await person.press('learn.train');
      await expect
        .poll(async () => (await person.page.locator('.figures').textContent())!, { timeout: 4 * PATIENCE_MS })
        .toMatch(/(9\d|100) %/);
      await person.press('learn.pause');
    },
  ],
  [
    'compare two runs',
    async (person) => {
      await person.field('learn.optimizer').selectOption('SGD');
      await person.press('learn.train');
      await expect
        .poll(async () => Number(/\d+/.exec((await person.page.locator('.figures').textContent())!)))
        .toBeGreaterThan(20);
      await person.press('learn.pause');
      await person.sees(person.text('learn.compare'));
    },
  ],
  [
    'keep what was learned and step it',
    async (person) => {
      await person.press('learn.keep');
      await person.page.locator('.bar [role=status] a').click();
      await person.press('new.open');
      await person.page
        .getByText(person.text('session.title', { id: 'x' }).replace(' x', ''))
        .first()
        .waitFor();
      await person.press('session.step');
      await person.page.locator('.formula strong').first().waitFor();
    },
  ],
  [
    'look into a live session',
    async (person) => {
      await person.follow('view.inspect');
      await person.press('example.make');
      await person.page.locator('.u-legend').first().waitFor();
      await person.page.getByRole('slider').first().fill('9');
      await person.press('session.rewind', { step: 10 });
      await person.sees(person.text('session.summary', { step: 10, rows: 1, history: '' }).split('1')[0]);
      await person.press('session.fork', { step: 10 });
    },
  ],
  [
    'see a call as curl and as Python',
    async (person) => {
      await person.page.locator('.calls summary').click();
      await person.sees(/curl /);
      await person.page.getByRole('button', { name: 'Python' }).click();
      await person.sees(/import |requests|urllib/);
    },
  ],
  [
    'save and restore',
    async (person) => {
      await person.follow('things.checkpoints');
      await person.press('new.save');
      await person.press('checkpoint.restore');
      await person.press('sure', { label: person.text('checkpoint.restore') });
      await person.sees(person.text('checkpoint.restored'));
    },
  ],
  [
    'take the tutorial',
    async (person) => {
      await person.follow('view.tour');
      for (let i = 0; i < 6; i++) {
        await person.page.getByRole('link', { name: person.text('tour.next') }).click();
        await person.sees(person.text('tour.at', { step: i + 2, count: 15 }));
      }
      await person.sees(/22/);
    },
  ],
  [
    'read the API and come back',
    async (person) => {
      await person.follow('view.docs');
      await person.page.locator('.opblock-tag').first().waitFor();
      await person.page.getByRole('link', { name: 'Play' }).first().click();
      await person.page.locator('.diagram').waitFor();
    },
  ],
];

describe.runIf(hasChromium('What a newcomer does'))('a newcomer', () => {
  let browser: Browser;
  let app: TestApp;
  let origin: string;
  beforeAll(async () => {
    browser = await startBrowser();
  });
  afterAll(() => browser?.close());
  beforeEach(async () => {
    app = await startApp();
    origin = await app.listen({ host: '127.0.0.1', port: 0 });
  });
  afterEach(() => app.close());

  it.each(LANGUAGES)('finds the way through the page by its words alone: %s', async (language) => {
    const { page, complaints } = await openPage(browser.context, `${origin}/`);
    await page.setViewportSize({ width: 1280, height: 900 });
    await page.locator('.settings select').first().selectOption(language);
    const person = new Newcomer(page, language);
    for (const [task, does] of TASKS) {
      await does(person);
      await person.did(task);
    }
    expect(complaints).toEqual([]);
    await page.close();
  });
});
