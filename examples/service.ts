/** What the examples share: a service to talk to, and random numbers that are the same at each run. */
import type { ClientOptions } from '../clients/typescript/src/index.ts';
import { startService } from '../scripts/tutorial-service.ts';

/** Works with the service at CELLSTEP_URL, or with one of its own, which ends with the work. */
export async function withService(work: (options: ClientOptions) => Promise<unknown>): Promise<void> {
  const running = process.env.CELLSTEP_URL;
  if (running) {
    const [key] = (process.env.CELLSTEP_API_KEYS ?? '').split(',');
    await work({ url: running, ...(key ? { key } : {}) });
    return;
  }
  const service = await startService({ CELLSTEP_STORE: 'memory:' });
  await work({ url: service.url }).finally(() => service.stop());
}

/** Numbers in [0, 1), the same for the same seed (mulberry32). */
export function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
