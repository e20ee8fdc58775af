import type { Socket } from 'node:net';
import type { Store } from '../../src/domain/ports.ts';
import type { TestApp } from './app.ts';

/** Has the client of the next change hang up before its commit, which waits until the service knows. Then `commit` goes on. */
export function hangUpAtCommit(app: TestApp, store: Store, client: () => Socket, commit = store.commit): void {
  const gone = Promise.withResolvers<void>();
  app.server.on('connection', (socket) => socket.once('close', gone.resolve));
  store.commit = async (writes) => {
    client().destroy();
    await gone.promise;
    return commit(writes);
  };
}
