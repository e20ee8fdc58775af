import { randomInt } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Server } from 'node:tls';
import Fastify, { type FastifyBaseLogger } from 'fastify';
import { addRoutes } from '../routes/index.ts';
import { ChangeEvents, sessionMessages, watchMessages } from '../routes/messages.ts';
import type { App } from '../routes/route.ts';
import { parseManifest } from '../schemas/checkpoint-manifest.ts';
import { openGate } from './access/gate.ts';
import type { Config } from './config.ts';
import type { Bus, Clock, CountedStore, NewId, NewSeed, RateCounter } from './domain/ports.ts';
import { clientGone } from './domain/problems.ts';
import { createGraphEngine } from './engine/onnxruntime/graph-engine.ts';
import { createSimdEngines } from './engine/simd/simd.ts';
import { widenSimd } from './engine/simd/wide-simd.ts';
import { createStepper } from './engine/stepper.ts';
import { createDraws } from './engine/threads/draw.ts';
import { createPool } from './engine/threads/pool.ts';
import { createCheckpointCodec } from './files/checkpoint-codec.ts';
import type { Hdf5 } from './files/hdf5/hdf5.ts';
import { createOnnx } from './files/onnx/onnx.ts';
import { createTensorFiles } from './files/tensor-files.ts';
import { createWeightFiles } from './files/weight-files.ts';
import { holdingApart } from './http/admission/holding-caller.ts';
import { Account, limitInFlight } from './http/admission/in-flight.ts';
import { Intake } from './http/admission/intake.ts';
import { Pipelines } from './http/admission/pipelines.ts';
import { refuseUnderPressure } from './http/admission/pressure.ts';
import { limitRates } from './http/admission/rate-limits.ts';
import { Refusals } from './http/admission/refusals.ts';
import { shedRequests } from './http/admission/shedding.ts';
import { countLoads } from './http/admission/tenant-loads.ts';
import { addBinaryBody } from './http/bodies/binary-body.ts';
import { GatheredMessage } from './http/bodies/gathered-message.ts';
import { addJsonBody } from './http/bodies/json-body.ts';
import { leaveUnread } from './http/bodies/unread.ts';
import { addValidation, NO_COMPILERS } from './http/bodies/validation.ts';
import { addAuth, addIdentities } from './http/callers/auth.ts';
import { addCallers, createCallers } from './http/callers/callers.ts';
import { addCors } from './http/callers/cors.ts';
import { type BrowserRules, refuseForeignPages } from './http/callers/foreign-pages.ts';
import { addSecurityHeaders } from './http/callers/security-headers.ts';
import { answerClientErrors, answerExpectations, refuseOddFraming } from './http/connections/client-errors.ts';
import { limitConnections } from './http/connections/connections.ts';
import { type Address, MoreListeners } from './http/connections/more-listeners.ts';
import { paceReads } from './http/connections/read-pace.ts';
import { readTls, watchTls } from './http/connections/tls.ts';
import { tellDeprecations } from './http/deprecations.ts';
import { addChecks } from './http/every-request.ts';
import { watchMethods } from './http/methods.ts';
import { auditChanges } from './http/observability/audit.ts';
import { createMetrics, type Metrics } from './http/observability/metrics.ts';
import { type MetricsSnapshot, metricsText } from './http/observability/metrics-text.ts';
import { lazyLog, logRequests, requestIdOf } from './http/observability/request-log.ts';
import { addTraces } from './http/observability/traces.ts';
import { addDocs, watchRoutes } from './http/openapi/docs.ts';
import { addPlayground } from './http/playground.ts';
import { addProblemReplies, answerFrameworkErrors } from './http/replies/problem-replies.ts';
import { sendTogether } from './http/replies/replies.ts';
import { StepGroups } from './http/step-groups.ts';
import { createUuidIds } from './http/uuid-id.ts';
import { InferenceDoor, problemFormOf } from './oip/door.ts';
import { createOps } from './ops/op-threads.ts';
import { OPS } from './ops/ops.ts';
import { randomBackoff } from './services/changes/change.ts';
import { watchStore } from './services/changes/watched-store.ts';
import { startSweeping } from './services/expiry/sweep-loop.ts';
import { createTenantServices } from './services/tenants/index.ts';
import { StreamDoor } from './streams/door.ts';
import { addLineBody } from './streams/line-body.ts';
import { addWebSocket, isWebSocketUpgrade } from './streams/websocket.ts';
import { traceStepper } from './telemetry/traced-stepper.ts';
import type { Tracing } from './telemetry/tracing.ts';
import { Lane } from './threads/lane.ts';

export interface AppOptions {
  readonly store: CountedStore;
  readonly config: Pick<Config, 'limits'> &
    Partial<
      Pick<
        Config,
        | 'apiKeys'
        | 'keysFile'
        | 'tokens'
        | 'requestSeconds'
        | 'stallSeconds'
        | 'connectionsPerAddress'
        | 'maxLoopMilliseconds'
        | 'streamInFlight'
        | 'streamUnreadBytes'
        | 'threads'
        | 'batchRows'
        | 'relaxedSimd'
        | 'wideSimd'
        | 'maxPackedBytes'
        | 'browsers'
        | 'tls'
        | 'quotas'
        | 'onnx'
      >
    >;
  readonly logger?: FastifyBaseLogger;
  readonly clock?: Clock;
  readonly newId?: NewId;
  readonly newSeed?: NewSeed;
  /** Counts the requests of clients for all replicas. */
  readonly rateCounter?: RateCounter;
  /** Reaches the other processes of the service, if there are any. */
  readonly bus?: Bus;
  /** The threads that read and write HDF5. If left out, the app starts its own. */
  readonly hdf5?: Hdf5;
  /** No other process has the store: what is unfinished in it was left by one that died, and is removed at the start. */
  readonly alone?: boolean;
  /** Remove expired things in the background. */
  readonly sweeps?: boolean;
  /** Where traces go, if anywhere. */
  readonly tracing?: Tracing;
  /** Gathers the metrics of this process; `allMetrics` reads the metrics of the whole service. */
  readonly metrics?: Metrics;
  readonly allMetrics?: () => Promise<readonly MetricsSnapshot[]>;
}

/** Where the memory of the container sets no other ones. */
const ONNX_LIMITS = { maxBytes: 2 ** 30, maxSeconds: 10, processes: 2 };
/** The rules for a service on this machine without keys. */
const LOOPBACK_ONLY: BrowserRules = { hosts: 'loopback', corsOrigins: [] };

/** Puts the service together: the only place that sees routes, services, engine and store at once. */
export async function createApp(options: AppOptions): Promise<App> {
  const { store, config, clock = Date.now, newId = createUuidIds(), newSeed = () => randomInt(1, 1e9 + 1) } = options;
  const { tracing } = options;
  const {
    limits,
    requestSeconds = 120,
    stallSeconds = 60,
    connectionsPerAddress = 0,
    maxLoopMilliseconds = 0,
    streamInFlight = 256,
    streamUnreadBytes = 2 ** 24,
    threads = 0,
    batchRows = 256,
    relaxedSimd,
    wideSimd = true,
    maxPackedBytes,
    onnx = ONNX_LIMITS,
    browsers = LOOPBACK_ONLY,
  } = config;
  const callers = createCallers();
  const account = new Account(limits.maxInFlightBytes);
  const bulk = new Lane({
    what: 'checkpoints and lists',
    atOnce: 2,
    caller: callers.current,
    waiting: { each: 256, all: 1024 },
  });
  const ops = { list: [...OPS.values()].map(({ apply: _, ...op }) => op), ...createOps(callers.current) };
  const metrics = options.metrics ?? createMetrics({ worker: 1, ofProcess: false });
  const { allMetrics = async () => [await metrics.snapshot()] } = options;
  if (wideSimd) widenSimd();
  const engines = createSimdEngines({ relaxed: relaxedSimd, maxPackedBytes });
  const pool = threads > 0 ? createPool({ threads, engines, caller: callers.current }) : undefined;
  if (pool) metrics.watchThreads(pool.statistics);
  metrics.watchStore(store);
  const gate = openGate(config, clock, options.logger);
  const graphs = createGraphEngine(
    { ...onnx, maxBytes: onnx.maxBytes ?? ONNX_LIMITS.maxBytes, maxResultBytes: limits.maxThingBytes },
    { caller: callers.current },
  );
  metrics.watchGraphs(graphs.statistics);
  const stepper = createStepper({
    engines,
    pool,
    graphs,
    batchRows,
    observer: metrics.compute,
    caller: callers.current,
  });
  const onnxFiles = createOnnx(limits, callers.current);
  const services = createTenantServices({
    counted: store,
    quotasOf: gate.quotasOf,
    observer: metrics.tenants,
    store: watchStore(store, {
      commits: metrics.committed,
      beginStage: tracing?.beginStage,
      hold: (bytes) => {
        const caller = callers.current();
        if (bytes > 0) caller.hold(bytes);
        else if (caller.signal?.aborted) throw clientGone();
      },
    }),
    stepper: tracing ? traceStepper(stepper, tracing.beginStage) : stepper,
    beginStage: tracing?.beginStage,
    ...createDraws(callers.current),
    ops,
    clock,
    newId,
    newSeed,
    backoff: randomBackoff,
    limits,
    caller: callers.current,
    apart: holdingApart(callers, account),
    inTurn: (work) => bulk.run(work),
    checkpointCodec: createCheckpointCodec(parseManifest, limits.maxCheckpointBytes),
    weightFiles: createWeightFiles(limits, clock, { hdf5: options.hdf5, onnx: onnxFiles, caller: callers.current }),
    graphFiles: onnxFiles,
    bus: options.bus,
  });

  const connections = {
    headersTimeout: Math.min(requestSeconds, 20) * 1000,
    connectionsCheckingInterval: 1000,
    requireHostHeader: false,
    IncomingMessage: GatheredMessage,
    // Behind a request that is not answered yet, it would be answered first.
    shouldUpgradeCallback: (request: IncomingMessage) =>
      isWebSocketUpgrade(request) && pipelines.isIdle(request.socket),
  };
  const app: App = Fastify({
    ...(options.logger ? { loggerInstance: lazyLog(options.logger) } : {}),
    bodyLimit: limits.maxBodyBytes,
    requestTimeout: requestSeconds * 1000,
    ...(config.tls
      ? { https: { ...connections, handshakeTimeout: 10_000, ...readTls(config.tls) } }
      : { http: connections }),
    clientErrorHandler: answerClientErrors(() => newId('req')),
    frameworkErrors: answerFrameworkErrors(problemFormOf),
    genReqId: ({ headers }) => requestIdOf(headers['x-request-id'], () => newId('req')),
    logController: new Fastify.LogController({ disableRequestLogging: true }),
    requestIdHeader: false,
    return503OnClosing: false,
    schemaController: NO_COMPILERS,
    routerOptions: { maxParamLength: 200 },
  });
  app.addHook('onClose', () => pool?.close());
  app.addHook('onClose', () => graphs.close());
  // Otherwise it is swept when its time is over.
  if (options.alone) await services.sweepUnfinished().catch((err) => options.logger?.warn({ err }, 'not swept'));
  const sweeping = options.sweeps ? startSweeping(services.sweep, options.logger) : undefined;
  app.addHook('onClose', () => sweeping?.stop());
  if (config.tls) {
    const unwatch = watchTls(app.server as unknown as Server, config.tls, app.log);
    app.addHook('onClose', async () => unwatch());
  }
  app.addHook('onClose', () => services.close());
  if (tracing) await app.register(tracing.plugin);
  await addWebSocket(app, { maxMessageBytes: limits.maxBodyBytes, newRequestId: () => newId('req') });
  addProblemReplies(app, problemFormOf, metrics.tenants.refused);
  addChecks(app);
  const refusals = (detail: string) =>
    new Refusals(detail, { newId: () => newId('req'), formOf: problemFormOf, shed: metrics.shed });
  const tooMany = refusals('Too many requests of this connection wait for an answer. Read some, then send it again.');
  const pipelines = new Pipelines(app, (request, response) => tooMany.answer(request, response, true));
  addTraces(app, tracing);
  logRequests(app);
  addIdentities(app, gate);
  addSecurityHeaders(app);
  refuseOddFraming(app);
  sendTogether(app);
  metrics.watchRequests(app);
  refuseForeignPages(app, browsers);
  addCors(app, browsers.corsOrigins);
  const methods = watchMethods(app);
  const documented = watchRoutes(app);
  tellDeprecations(app);
  auditChanges(app);
  addAuth(app, gate);
  limitInFlight(app, account);
  app.beforeSending(leaveUnread);
  metrics.watchInFlight(() => account.held, limits.maxInFlightBytes);
  paceReads(app);
  limitConnections(app, { perAddress: connectionsPerAddress, stallSeconds });
  await refuseUnderPressure(app, maxLoopMilliseconds);
  const { keysFile, quotas } = config;
  if (keysFile !== undefined || quotas?.requests_per_second !== undefined) {
    await limitRates(app, { quotasOf: gate.quotasOf, counter: options.rateCounter });
  }
  countLoads(app, services.loads);
  const intake = new Intake();
  app.decorate('intake', intake);
  addJsonBody(app, limits.maxJsonBytes);
  shedRequests(app, {
    pipelines,
    account,
    intake,
    refusals: refusals('More requests come than the service can carry out. Send it again later.'),
  });
  answerExpectations(app);
  addBinaryBody(app, { maxBytes: limits.maxCheckpointBytes, files: createTensorFiles(limits) });
  addLineBody(app);
  addValidation(app);
  addCallers(app, callers);
  const events = new ChangeEvents();
  const streams = new StreamDoor(app, {
    offers: {
      of: (caller) => sessionMessages(services.of(caller).sessions),
      watching: (caller, ...parts) =>
        watchMessages(services.of(caller).sessions, { identity: caller.identity, events }, ...parts),
    },
    gate,
    callers,
    limits: { inFlight: streamInFlight, maxBytes: limits.maxJsonBytes, maxUnreadBytes: streamUnreadBytes },
  });
  app.addHook('preClose', () => streams.close());
  // A request that is traced shows its own stages.
  const groups = tracing ? undefined : new StepGroups(services, callers);
  const inference = new InferenceDoor(services, limits, groups);
  addRoutes(app, services, limits, { streams, inference, groups }, async (format) =>
    metricsText(await allMetrics(), format),
  );
  addPlayground(app);
  addDocs(app, documented, gate.closed);
  // The routes of the Open Inference Protocol are a plugin, which is loaded only now.
  await app.after();
  methods.close();
  const listeners = new MoreListeners(app.server);
  app.decorate('listenMore', (address: Address) => listeners.listen(address));
  let closed: Promise<void> | undefined;
  app.addHook('preClose', async () => {
    closed = listeners.close();
  });
  app.addHook('onClose', () => closed);
  await app.ready();
  return app;
}
