import { performance } from 'node:perf_hooks';
import type { Logger } from 'pino';

/** Where there is nothing to do, or the store does not serve. */
const IDLE_MS = 60_000;
/** Between slices it rests so many times as long as the last one took: a fifth of the time at most is worked. */
const RESTS = 4;
const SHORTEST_MS = 20;

/** Sweeps in the background, until it is stopped; `stop` resolves when nothing is under way any more. */
export function startSweeping(
  sweep: () => Promise<boolean>,
  logger?: Pick<Logger, 'warn'>,
): { readonly stop: () => Promise<void> } {
  let stopped = false;
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> = Promise.resolve();

  async function work(): Promise<void> {
    const start = performance.now();
    let pause = IDLE_MS;
    try {
      if (await sweep()) pause = Math.max(SHORTEST_MS, RESTS * (performance.now() - start));
    } catch (error) {
      logger?.warn({ err: error }, 'what has expired could not be cleared away; it is tried again in a minute');
    }
    schedule(pause);
  }

  function schedule(pause: number): void {
    if (stopped) return;
    timer = setTimeout(() => {
      running = work();
    }, pause);
    timer.unref();
  }

  // Processes that start together do not look together.
  schedule(Math.random() * IDLE_MS);
  return {
    async stop() {
      stopped = true;
      clearTimeout(timer);
      await running;
    },
  };
}
