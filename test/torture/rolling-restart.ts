import { setTimeout as delay } from 'node:timers/promises';
import { type KillReport, underStrikes } from './kill-cycles.ts';
import type { RunOptions } from './run-options.ts';
import { TOPOLOGIES } from './topologies.ts';

/** The size counts restarts. */
export interface RollingRestart extends RunOptions {
  /** From one restart to the next. */
  readonly seconds: number;
}

/**
 * Ends one of three replicas over Redis by SIGTERM, in turn, every so many seconds, and starts it again, while clients
 * step sessions on them.
 * @throws {Error} where a request fails for good, a step is lost or repeated, or a replica does not end in order
 */
export async function rollingRestart({ seed, size, seconds, progress }: RollingRestart): Promise<KillReport> {
  const topology = await TOPOLOGIES.redis.start();
  const { services } = topology;
  let next = 0;
  const strike = async () => {
    const began = performance.now();
    const service = services[next++ % services.length];
    const { code, signal } = await service.stop('SIGTERM');
    if (code !== 0) throw new Error(`a replica ended with ${code ?? signal} after SIGTERM: ${service.output}`);
    await service.start();
    await delay(Math.max(0, seconds * 1000 - (performance.now() - began)));
    return 'restart';
  };
  return underStrikes({ topology, strike }, { seed, size, progress });
}
