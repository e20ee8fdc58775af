import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Store } from '../../../src/domain/ports.ts';
import type { StoreAnswer, StoreCall } from './store-process.ts';

/** A process that shares the LMDB store of a directory. Calls reject once it is dead. */
export interface StoreProcess extends Pick<Store, 'get' | 'commit' | 'list' | 'check'> {
  readonly child: ChildProcess;
  /** Adds one to `cell/counter`. */
  increment(): Promise<void>;
  /** kill -9. */
  kill(): Promise<void>;
}

export async function startStoreProcess(directory: string, mapBytes = 2 ** 30): Promise<StoreProcess> {
  const script = fileURLToPath(new URL('store-process.ts', import.meta.url));
  const child = fork(script, [directory, `${mapBytes}`], { serialization: 'advanced' });
  const waiting = new Map<number, PromiseWithResolvers<unknown>>();
  let calls = 0;
  child.on('message', ({ id, value, error }: StoreAnswer) => {
    const call = waiting.get(id);
    waiting.delete(id);
    if (error === undefined) call?.resolve(value);
    else call?.reject(new Error(error));
  });
  child.once('exit', () => {
    for (const { reject } of waiting.values()) reject(new Error('the process is dead'));
    waiting.clear();
  });
  const ask = (call: StoreCall['call'], ...args: readonly unknown[]): Promise<never> => {
    const id = ++calls;
    const answer = Promise.withResolvers<unknown>();
    if (!child.connected) return Promise.reject(new Error('the process is dead'));
    waiting.set(id, answer);
    child.send({ id, call, args } satisfies StoreCall, () => {});
    return answer.promise as Promise<never>;
  };
  await once(child, 'message');
  return {
    child,
    get: (key) => ask('get', key),
    commit: (writes) => ask('commit', writes),
    list: (prefix, after, limit) => ask('list', prefix, after, limit),
    check: () => ask('check'),
    increment: () => ask('increment'),
    async kill() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill('SIGKILL');
      await once(child, 'exit');
    },
  };
}
