import type { AddressInfo } from 'node:net';
import { hostname, totalmem } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { type Logger, pino } from 'pino';
import packageJson from '../package.json' with { type: 'json' };
import type { App } from '../routes/route.ts';
import { KeysFileError } from './access/keys-file.ts';
import { createApp } from './app.ts';
import { type Config, ConfigError, readConfig } from './config.ts';
import { findsPackage } from './engine/onnxruntime/graph-engine.ts';
import { HeapGrowth } from './heap-growth.ts';
import type { Address } from './http/connections/more-listeners.ts';
import { readTls, TlsFilesError } from './http/connections/tls.ts';
import { createMetrics } from './http/observability/metrics.ts';
import { type MemoryPlan, planMemory } from './memory-need.ts';
import { reservePort } from './processes/reserve-port.ts';
import { joinSupervisor } from './processes/worker.ts';
import { openBus, openRateCounter, openStore } from './store/open.ts';
import { StoreOpenError } from './store/store-open-error.ts';
import { openTracing } from './telemetry/tracing.ts';
import { helpersGiveWay } from './threads/give-way.ts';

/** The time for the last commits after the last request. */
const STORE_SECONDS = 5;

/** Ends with exit code 2 and one line on stderr for each mistake that an operator can fix. */
function refuse(...lines: readonly string[]): never {
  process.stderr.write(lines.map((line) => `cellstep: ${line}\n`).join(''));
  process.exit(2);
}

/** @throws the error if an operator cannot fix it */
function refuseAddress(error: unknown, host: string, variable: string): never {
  const { code } = error as NodeJS.ErrnoException;
  if (code === 'EADDRINUSE') refuse(`${variable} on ${host} is in use by another process.`);
  if (code === 'EACCES') refuse(`${variable} may not be used by this user.`);
  if (code === 'EADDRNOTAVAIL') refuse(`CELLSTEP_HOST ${host} is not an address of this machine.`);
  if (code === 'ENOTSUP') refuse('CELLSTEP_WORKERS needs a system that lets processes share a port, such as Linux.');
  throw error;
}

async function main(): Promise<void> {
  const config = readConfig(process.env);
  const memory = planMemory(config, memoryOfContainer(), findsPackage());
  if (memory.refusal) refuse(memory.refusal);
  // Fastify serves `localhost` on two servers, and awaits the requests of only one of them when it closes.
  const host = config.host === 'localhost' ? '127.0.0.1' : config.host;
  const worker = process.argv[2] === 'worker' && process.send ? Number(process.argv[3]) : undefined;
  const logger = pino({
    level: config.logLevel,
    redact: ['req.headers.authorization'],
    ...(worker === undefined ? {} : { base: { pid: process.pid, hostname: hostname(), worker } }),
  });
  const settings = { ...config, host, onnx: { ...config.onnx, maxBytes: memory.graphBytes } };
  if (worker !== undefined) return serve(settings, memory, logger, worker);
  for (const name of config.unknown) logger.warn(`${name} is set, but cellstep has no such variable`);
  return config.workers === 1 ? serve(settings, memory, logger) : superviseWorkers(settings, memory, logger);
}

/** Infinite where no limit is known. */
function memoryOfContainer(): number {
  // It is 0 if the limit is unknown, and larger than any memory if there is none.
  return process.constrainedMemory() || Number.POSITIVE_INFINITY;
}

function sayMemory({ sum, warning }: MemoryPlan, logger: Logger): void {
  logger.info(`The limits of memory add up to ${sum}`);
  if (warning) logger.warn(warning);
}

/** Starts the workers, and ends when they have ended. */
async function superviseWorkers(config: Config, memory: MemoryPlan, logger: Logger): Promise<never> {
  const { supervise } = await import('./processes/supervisor.ts');
  // The check after a crash runs once for all workers, and a broken store is reported once. Workers log its warnings.
  await (await openStore(config.store, { ...storeAccess(config), shared: true })).close();
  const reserve = (variable: string, wanted: number) =>
    reservePort(config.host, wanted).catch((error) => refuseAddress(error, config.host, `${variable} ${wanted}`));
  const port = await reserve('CELLSTEP_PORT', config.port);
  const { grpcPort: grpc } = config;
  const grpcPort = grpc === undefined ? {} : { CELLSTEP_GRPC_PORT: `${await reserve('CELLSTEP_GRPC_PORT', grpc)}` };
  sayMemory(memory, logger);
  const code = await supervise({
    workers: config.workers,
    script: process.argv[1],
    env: { ...process.env, CELLSTEP_PORT: `${port}`, ...grpcPort },
    shutdownSeconds: config.shutdownSeconds + 2 * STORE_SECONDS,
    logger,
  });
  process.exit(code);
}

/** The options for opening the store, besides its URL. @throws {TlsFilesError} */
function storeAccess({ redisWait, redisTls }: Config) {
  return { waitReplicas: redisWait, ...(redisTls ? { certificate: readTls(redisTls) } : {}) };
}

/** Runs one process of the service: the only one, or the worker with this number. */
async function serve(config: Config, memory: MemoryPlan, logger: Logger, worker?: number): Promise<void> {
  helpersGiveWay();
  new HeapGrowth(Math.min(memoryOfContainer(), totalmem()) / config.workers).begin();
  const shared = worker !== undefined;
  const access = storeAccess(config);
  const store = await openStore(config.store, {
    ...access,
    warn: (message) => logger.warn(message),
    shared,
  });
  const limitsRates = config.quotas.requests_per_second !== undefined || config.keysFile !== undefined;
  const rateCounter = limitsRates ? await openRateCounter(config.store, access) : undefined;
  const tracing = await openTracing(process.env, packageJson.version);
  const metrics = createMetrics({ worker: worker ?? 1, ofProcess: true, traceId: tracing?.traceId });
  const line = shared ? joinSupervisor(metrics.snapshot, () => close('its supervisor is gone')) : undefined;
  const bus = (await openBus(config.store, access)) ?? line?.bus;
  const app = await createApp({
    store,
    config,
    logger,
    rateCounter: rateCounter ?? line?.rateCounter,
    bus,
    alone: !shared && config.store.startsWith('lmdb:'),
    sweeps: true,
    metrics,
    tracing,
    allMetrics: line?.gather,
  });

  const grpc = config.grpcPort === undefined ? undefined : await openGrpc(app, config);

  let closing = false;
  async function close(signal: string): Promise<void> {
    if (closing) return;
    closing = true;
    logger.info({ signal }, 'closing: no new requests');
    // gRPC calls go through the app, so they end before it closes.
    const ended = Promise.resolve(grpc?.close())
      .then(() => app.close())
      .then(() => true);
    const waited = delay(config.shutdownSeconds * 1000, false, { ref: false });
    if (!(await Promise.race([ended, waited]))) {
      logger.warn(`connections still open after ${config.shutdownSeconds} s are cut off`);
      grpc?.cutOff();
      app.server.closeAllConnections();
    }
    rateCounter?.close();
    // What could not be sent is lost; the service ends all the same.
    await Promise.race([tracing?.close().catch(() => undefined), delay(STORE_SECONDS * 1000, false, { ref: false })]);
    // Every accepted commit is written, unless the disk does not answer.
    const stored = store.close().then(() => true);
    if (!(await Promise.race([stored, delay(STORE_SECONDS * 1000, false, { ref: false })]))) {
      logger.error(`the store did not close within ${STORE_SECONDS} s`);
      process.exit(1);
    }
    logger.info('closed');
    process.exit(0);
  }
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, close);

  const { host, port, grpcPort = 0 } = config;
  const listen = (variable: string, wanted: number, begin: (address: Address) => Promise<unknown>) =>
    addressOf(host, wanted, shared)
      .then(begin)
      .catch(async (error) => {
        await store.close();
        refuseAddress(error, host, `${variable} ${wanted}`);
      });
  if (grpc) await listen('CELLSTEP_GRPC_PORT', grpcPort, (address) => grpc.listen(address));
  await listen('CELLSTEP_PORT', port, (address) => listenAt(app, address));
  if (worker === undefined) sayMemory(memory, logger);
  if (process.stdout.isTTY) greet(app);
  line?.listening();
}

/** Where many sockets listen if that is of use; a port that another service has is refused. @throws the error of listen */
async function addressOf(host: string, port: number, shared: boolean): Promise<Address> {
  // Other systems spread no connections over sockets that share a port.
  const reusePort = shared || process.platform === 'linux';
  return { host, port: reusePort && !shared ? await reservePort(host, port) : port, reusePort };
}

async function listenAt(app: App, address: Address): Promise<void> {
  await app.listen(address);
  if (address.reusePort) await app.listenMore(address);
}

/** Loaded only if it is served: gRPC needs a library of its own. */
async function openGrpc(app: App, config: Config) {
  const { GrpcDoor } = await import('./oip/grpc/door.ts');
  return new GrpcDoor(app, { ...config, ...config.limits });
}

/** Tells a person at a terminal where to go next. */
function greet({ server, initialConfig }: Pick<App, 'server' | 'initialConfig'>): void {
  const { address, port, family } = server.address() as AddressInfo;
  const url = `http${initialConfig.https ? 's' : ''}://${family === 'IPv6' ? `[${address}]` : address}:${port}`;
  process.stdout.write(`\n  cellstep serves ${url}/ (the page) and ${url}/docs (the API). Ctrl-C ends it.\n\n`);
}

main().catch((error: unknown) => {
  if (error instanceof ConfigError) refuse(...error.lines);
  if (error instanceof KeysFileError) refuse(`CELLSTEP_KEYS_FILE ${error.message}.`);
  if (error instanceof TlsFilesError) refuse(`${error.message}.`);
  if (error instanceof StoreOpenError) refuse(`CELLSTEP_STORE: ${error.message}`);
  process.stderr.write(`cellstep: ${error instanceof Error ? error.stack : error}\n`);
  process.exit(1);
});
