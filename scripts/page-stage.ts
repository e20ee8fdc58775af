import { type Browser, chromium } from 'playwright-core';
import { startService } from './tutorial-service.ts';

/** A service with something to look at, and a browser to look with. */
export interface Stage {
  readonly url: string;
  readonly browser: Browser;
  /** Sends a POST. An id that is taken is accepted. */
  readonly post: (path: string, body: unknown) => Promise<void>;
}

/** Runs on a service of its own, with a cell, a session and a checkpoint; needs Chromium, at /usr/bin/chromium or CHROMIUM_PATH. */
export async function onStage(run: (stage: Stage) => Promise<void>): Promise<void> {
  const service = await startService({ CELLSTEP_STORE: 'memory:' });
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM_PATH ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu'],
  });
  const post = async (path: string, body: unknown) => {
    const { ok, status } = await fetch(new URL(path, service.url), {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    if (!ok && status !== 409) throw new Error(`POST ${path} was answered ${status}.`);
  };
  try {
    await fill(post);
    await run({ url: service.url, browser, post });
  } finally {
    await browser.close();
    await service.stop();
  }
}

async function fill(post: Stage['post']): Promise<void> {
  const initializers = {
    kernel_initializer: { class_name: 'GlorotUniform', config: { seed: 5 } },
    recurrent_initializer: { class_name: 'Orthogonal', config: { seed: 6 } },
  };
  const config = { units: 6, ...initializers };
  await post('/v1/cells', { id: 'cell', class_name: 'GRUCell', config, input_shape: [null, 1] });
  await post('/v1/sessions', { id: 'chat', cell: 'cell', history: 500 });
  const signal = Array.from({ length: 120 }, (_, t) => [Math.sin(t / 6) + (t > 60 ? 0.5 : 0)]);
  await post('/v1/sessions/chat/steps', { inputs: [signal] });
  await post('/v1/checkpoints', { id: 'evening', all: true });
}
