/**
 * `node scripts/page-speed.ts` measures the page at /, from a service of its own: when it first paints, when the network first
 * moves, and the longest task of its thread while 10,000 steps are played and scrubbed. A task over 50 ms would be felt. Processor
 * time counts where the machine has other work.
 */
import type { Browser, Page } from 'playwright-core';
import { onStage } from './page-stage.ts';

const STEPS = 10_000;
const ROUNDS = 5;
async function opened(page: Page): Promise<readonly [number, number]> {
  await page.locator('.formula strong').first().waitFor();
  return (await page.evaluate(
    `[performance.getEntriesByName('first-contentful-paint')[0].startTime, performance.now()]`,
  )) as [number, number];
}

/** What a trace of Chromium says of a task of a thread: microseconds of wall clock, and of the processor. */
interface TracedTask {
  readonly name: string;
  readonly pid: number;
  readonly tid: number;
  readonly dur?: number;
  readonly tdur?: number;
  readonly args?: { readonly name?: string };
}

/** The longest tasks of a page's main thread while something happens, by a performance trace. */
async function traced(browser: Browser, page: Page, run: () => Promise<void>): Promise<string> {
  await browser.startTracing(page, { categories: ['toplevel', 'disabled-by-default-lighthouse', '__metadata'] });
  await run();
  const { traceEvents: events } = JSON.parse((await browser.stopTracing()).toString()) as { traceEvents: TracedTask[] };
  const threads = events.filter(({ name, args }) => name === 'thread_name' && args?.name === 'CrRendererMain');
  const tasks = events.filter(
    ({ name, pid, tid }) =>
      name.endsWith('RunTask') && threads.some((thread) => thread.pid === pid && thread.tid === tid),
  );
  const said = (what: string, times: readonly number[]) =>
    `longest ${Math.round(Math.max(0, ...times) / 1000)} ms of ${what}, ${times.filter((time) => time > 50_000).length} over 50 ms`;
  return [
    `${tasks.length} tasks`,
    said(
      'processor time',
      tasks.map(({ tdur = 0 }) => tdur),
    ),
    said(
      'wall clock',
      tasks.map(({ dur = 0 }) => dur),
    ),
  ].join('; ');
}

async function scrub(page: Page): Promise<void> {
  const slider = page.getByRole('slider').first();
  for (let i = 0; i < 40; i++) {
    await slider.fill(String(1 + ((i * 2477) % STEPS)));
    await page.waitForTimeout(30);
  }
}

const median = (values: readonly number[]) =>
  Math.round(values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]);

await onStage(async ({ url, browser }) => {
  const paints: number[] = [];
  const motions: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const context = await browser.newContext();
    const page = await context.newPage();
    await page.goto(url);
    const [paint, motion] = await opened(page);
    paints.push(paint);
    motions.push(motion);
    await context.close();
  }
  console.log(
    `first contentful paint: ${median(paints)} ms; numbers of a step: ${median(motions)} ms (medians of ${ROUNDS})`,
  );
  const page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
  const opening = await traced(browser, page, async () => {
    await page.goto(`${url}/#/?kind=gru&units=8&step=1`);
    await opened(page);
  });
  console.log(`opening: ${opening}`);
  await page.getByLabel('Steps shown', { exact: true }).selectOption('all');
  await page.getByLabel('Speed', { exact: true }).selectOption('1000');
  const playing = await traced(browser, page, async () => {
    await page.getByRole('button', { name: 'Play', exact: true }).click();
    await page.getByText(`of ${STEPS}`).waitFor({ timeout: 60_000 });
  });
  console.log(`playing ${STEPS} steps, all of them shown: ${playing}`);
  console.log(`scrubbing through them: ${await traced(browser, page, () => scrub(page))}`);
});
