import { setTimeout as delay } from 'node:timers/promises';
import { pino } from 'pino';
import { createApp } from './app.ts';
import { ConfigError, readConfig } from './config.ts';
import { createMetrics } from './http/metrics.ts';
import { openStore } from './store/open.ts';
import { StoreOpenError } from './store/store-open-error.ts';

/** For the last commits, after the last request. */
const STORE_SECONDS = 5;

/** What an operator can mend: one line on stderr, exit code 2. */
function refuse(message: string): never {
  process.stderr.write(`cellstep: ${message}\n`);
  process.exit(2);
}

async function main(): Promise<void> {
  const config = readConfig(process.env);
  const logger = pino({ level: config.logLevel, redact: ['req.headers.authorization'] });
  for (const name of config.unknown) logger.warn(`${name} is set, but cellstep has no such variable`);
  const store = await openStore(config.store, {
    waitReplicas: config.redisWait,
    warn: (message) => logger.warn(message),
  });
  const metrics = createMetrics({ worker: 1, ofProcess: true });
  const app = await createApp({ store, config, logger, metrics });

  let closing = false;
  const close = async (signal: string) => {
    if (closing) return;
    closing = true;
    logger.info({ signal }, 'closing: no new requests');
    const ended = app.close().then(() => true);
    const waited = delay(config.shutdownSeconds * 1000, false, { ref: false });
    if (!(await Promise.race([ended, waited]))) {
      logger.warn(`connections still open after ${config.shutdownSeconds} s are cut off`);
      app.server.closeAllConnections();
    }
    // What the store has taken on is written in any case, unless the disk does not answer.
    const stored = store.close().then(() => true);
    if (!(await Promise.race([stored, delay(STORE_SECONDS * 1000, false, { ref: false })]))) {
      logger.error(`the store did not close within ${STORE_SECONDS} s`);
      process.exit(1);
    }
    logger.info('closed');
    process.exit(0);
  };
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, close);

  try {
    // Fastify serves `localhost` on two servers, and awaits the requests of only one of them when it closes.
    await app.listen({ host: config.host === 'localhost' ? '127.0.0.1' : config.host, port: config.port });
  } catch (error) {
    await store.close();
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EADDRINUSE') refuse(`CELLSTEP_PORT ${config.port} on ${config.host} is in use by another process.`);
    if (code === 'EACCES') refuse(`CELLSTEP_PORT ${config.port} may not be used by this user.`);
    if (code === 'EADDRNOTAVAIL') refuse(`CELLSTEP_HOST ${config.host} is no address of this machine.`);
    throw error;
  }
}

main().catch((error: unknown) => {
  if (error instanceof ConfigError) refuse(error.message);
  if (error instanceof StoreOpenError) refuse(`CELLSTEP_STORE: ${error.message}`);
  process.stderr.write(`cellstep: ${error instanceof Error ? error.stack : error}\n`);
  process.exit(1);
});
