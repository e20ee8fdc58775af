/**
 * `node scripts/moving-pictures.ts [NAME]` films the page at / for the README, from a service of its own, into docs/pictures:
 * `playing.png`, a network that plays and learns, and `debugging.png`, a session that goes wrong. Both are animated PNGs.
 */
import { writeFileSync } from 'node:fs';
import type { Page } from 'playwright-core';
import UPNG from 'upng-js';
import { onStage, type Stage } from './page-stage.ts';

const SIZE = { width: 1280, height: 940 };
/** Of all frames together. Fewer colors make smaller files. */
const COLORS = 128;
/** Echo is learned by then. */
const LEARNED_STEPS = 130;
const MAX_BYTES = 1_500_000;

/** Takes frames of a page; each stays for so many milliseconds. */
interface Film {
  readonly page: Page;
  readonly frame: (milliseconds?: number) => Promise<void>;
}

type Story = (film: Film, stage: Stage) => Promise<void>;

const STORIES: Readonly<Record<string, { scheme: 'light' | 'dark'; hash: string; story: Story }>> = {
  playing: { scheme: 'light', hash: '#/?kind=lstm&units=6&step=1', story: playing },
  debugging: { scheme: 'dark', hash: '#/inspect/sessions/pump', story: debugging },
};

/** An LSTM reads a sine wave; one looks back; another network learns. */
async function playing({ page, frame }: Film): Promise<void> {
  const step = page.getByRole('button', { name: 'Step', exact: true });
  for (let i = 1; i < 60; i++) {
    await step.click();
    await page.getByText(`Step ${i + 1} of`).waitFor();
    if (i > 20 && i % 2 === 0) await frame(130);
  }
  const slider = page.getByRole('slider').first();
  for (const at of [50, 40, 30, 22]) {
    await slider.fill(String(at));
    await frame(350);
  }
  await page.goto(new URL('#/learn?task=echo', page.url()).href);
  await page.getByText(/^0 steps/).waitFor();
  await frame(500);
  const steps = async () => Number.parseInt((await page.locator('.figures').textContent()) ?? '0', 10);
  await page.getByRole('button', { name: 'Train' }).click();
  for (let seen = 0; seen < LEARNED_STEPS; ) {
    const now = await steps();
    if (now < seen + 5) await page.waitForTimeout(50);
    else {
      await frame(200);
      seen = now;
    }
  }
  await page.getByRole('button', { name: 'Pause' }).click();
  await frame(1500);
}

/** The states of a network grow with each step: the page says so; one goes back to see where it began, and rewinds. */
async function debugging({ page, frame }: Film, { post }: Stage): Promise<void> {
  for (let t = 31; t <= 80; t++) {
    await post('/v1/sessions/pump/steps', { inputs: [[Math.sin(t / 5)]] });
    await page.getByText(new RegExp(`^Step ${t}, `)).waitFor();
    if (t % 2 === 0) await frame(150);
  }
  await page.locator('.warning').first().waitFor();
  await frame(1500);
  const slider = page.getByRole('slider').first();
  for (const at of [70, 60, 50, 40]) {
    await slider.fill(String(at - 1));
    await frame(500);
  }
  await page.getByRole('button', { name: /^Rewind to step/ }).click();
  await page.getByText(/^Step 40, /).waitFor();
  await frame(1500);
}

async function film(stage: Stage, name: string): Promise<void> {
  const { scheme, hash, story } = STORIES[name];
  const context = await stage.browser.newContext({ viewport: SIZE, colorScheme: scheme, reducedMotion: 'reduce' });
  const page = await context.newPage();
  const frames: ArrayBuffer[] = [];
  const delays: number[] = [];
  const frame = async (milliseconds = 200) => {
    await page.waitForTimeout(150);
    const [pixels] = UPNG.toRGBA8(UPNG.decode(new Uint8Array(await page.screenshot()).buffer));
    frames.push(pixels);
    delays.push(milliseconds);
  };
  try {
    await page.goto(new URL(hash, stage.url).href);
    await page.waitForTimeout(1000);
    await story({ page, frame }, stage);
  } finally {
    await context.close();
  }
  const bytes = new Uint8Array(UPNG.encode(frames, SIZE.width, SIZE.height, COLORS, delays));
  writeFileSync(new URL(`../docs/pictures/${name}.png`, import.meta.url), bytes);
  console.log(`${name}.png: ${frames.length} frames, ${bytes.length} bytes`);
  if (bytes.length > MAX_BYTES) throw new Error(`${name}.png has more than ${MAX_BYTES} bytes.`);
}

const [asked] = process.argv.slice(2);
await onStage(async (stage) => {
  const recurrent_initializer = { class_name: 'Orthogonal', config: { gain: 1.12, seed: 5 } };
  const kernel_initializer = { class_name: 'GlorotUniform', config: { seed: 5 } };
  const config = { units: 6, activation: 'linear', kernel_initializer, recurrent_initializer };
  await stage.post('/v1/cells', { id: 'sensor', class_name: 'SimpleRNNCell', config, input_shape: [null, 1] });
  await stage.post('/v1/sessions', { id: 'pump', cell: 'sensor', history: 500 });
  const inputs = [Array.from({ length: 30 }, (_, t) => [Math.sin((t + 1) / 5)])];
  await stage.post('/v1/sessions/pump/steps', { inputs });
  for (const name of asked ? [asked] : Object.keys(STORIES)) await film(stage, name);
});
