import type { AddressInfo } from 'node:net';
import type { Store } from '../../src/domain/ports.ts';
import { startApp } from '../support/app.ts';

/** Replicas of the service over one store, listening, but in this process: for what needs no death. */
export async function startReplicas(store: Store, count = 3): Promise<{ urls: string[]; stop: () => Promise<void> }> {
  const apps = await Promise.all(Array.from({ length: count }, (_, n) => startApp({ store, run: `replica${n}` })));
  for (const app of apps) await app.listen({ port: 0, host: '127.0.0.1' });
  return {
    urls: apps.map(({ server }) => `http://127.0.0.1:${(server.address() as AddressInfo).port}`),
    async stop() {
      await Promise.all(apps.map((app) => app.close()));
    },
  };
}
