import { performance } from 'node:perf_hooks';
import type { Logger } from 'pino';

/** The pause when there is nothing to do, or when the store does not serve. */
const IDLE_MS = 60_000;
/** After a slice it rests this many times as long as the slice took, so it works at most a fifth of the time. */
const RESTS = 4;
const SHORTEST_MS = 20;

/** Sweeps in the background until it is stopped. `stop` resolves when no sweep is running. */
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
      logger?.warn({ err: error }, 'expired things could not be removed; the next try is in a minute');
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

  // Processes that start together must not sweep together.
  schedule(Math.random() * IDLE_MS);
  return {
    async stop() {
      stopped = true;
      clearTimeout(timer);
      await running;
    },
  };
}
