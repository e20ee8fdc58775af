import { randomBytes } from 'node:crypto';
import type { Bus } from '../../domain/ports.ts';
import { createClient } from './client.ts';
import { connectAll } from './opening.ts';
import { type ClientCertificate, parseRedisUrl } from './url.ts';

const CHANNEL = 'cellstep:bus';
const TIMEOUT_MILLISECONDS = 1_000;
const OPENING_MILLISECONDS = 3_000;
/** A message begins with who sent it: Redis gives each one back to its sender too. */
const SENDER_BYTES = 16;

/**
 * Publish and subscribe in the Redis of the store, on two connections of their own: one that listens can do nothing else.
 * While the server is away nothing is heard, and `broadcast` rejects.
 * @throws {StoreOpenError}
 */
export async function openRedisBus(url: string, certificate?: ClientCertificate): Promise<Bus> {
  const target = { ...parseRedisUrl(url), ...(certificate && { certificate }) };
  const speaker = createClient(target, TIMEOUT_MILLISECONDS);
  const listener = createClient(target, TIMEOUT_MILLISECONDS);
  const sender = randomBytes(SENDER_BYTES);
  const listeners: ((message: Uint8Array) => void)[] = [];
  const opening = { clients: [speaker, listener], shown: target.shown, milliseconds: OPENING_MILLISECONDS };
  await connectAll(opening, () => {
    return listener.subscribe(CHANNEL, (message) => {
      if (message.length < SENDER_BYTES || sender.equals(message.subarray(0, SENDER_BYTES))) return;
      for (const hear of listeners) hear(message.subarray(SENDER_BYTES));
    });
  });
  return {
    async broadcast(message) {
      const receivers = await speaker.commands.publish(CHANNEL, Buffer.concat([sender, message]));
      // A node of a cluster counts only those that listen at it.
      return target.cluster ? Number.POSITIVE_INFINITY : Math.max(0, receivers - 1);
    },
    listen: (heard) => void listeners.push(heard),
    async close() {
      speaker.disconnect();
      listener.disconnect();
    },
  };
}
