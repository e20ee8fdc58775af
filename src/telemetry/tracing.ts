import type { Exception, Span } from '@opentelemetry/api';
import type { BeginStage } from '../domain/ports.ts';

/** Traces of requests, which go where the OTEL_ variables of OpenTelemetry say. */
export interface Tracing {
  /** A plugin of Fastify: a span for each request, under the `traceparent` that came with it. Register it first. */
  readonly plugin: RequestSpans;
  readonly beginStage: BeginStage;
  /** The id of the trace that this code runs in. */
  traceId(): string | undefined;
  /** Sends what is left. */
  close(): Promise<void>;
}

type RequestSpans = ReturnType<import('@fastify/otel').FastifyOtelInstrumentation['plugin']>;
type Environment = Readonly<Record<string, string | undefined>>;

const PROBES = new Set(['/healthz', '/readyz', '/metrics']);

/** Whether an exporter of traces is configured, by the names that OpenTelemetry gives to its variables. */
function wantsTraces(env: Environment): boolean {
  if (env.OTEL_SDK_DISABLED?.trim().toLowerCase() === 'true') return false;
  const exporter = env.OTEL_TRACES_EXPORTER?.trim();
  if (exporter) return exporter !== 'none';
  return Boolean(env.OTEL_EXPORTER_OTLP_ENDPOINT || env.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT);
}

/** Keeps out of the span of a request its query, and the messages of errors, which quote its body. The log has faults whole. */
function keepOut(span: Span, url: string): void {
  const setStatus = span.setStatus.bind(span);
  span.setAttribute('url.path', url.split('?', 1)[0]);
  span.setStatus = ({ code }) => setStatus({ code });
  span.recordException = (error) => void span.setAttribute('error.type', typeOf(error));
}

function typeOf(error: Exception): string {
  return typeof error === 'string' ? 'error' : `${error.code ?? error.name}`;
}

/**
 * Starts OpenTelemetry; undefined where no exporter of traces is configured. Its packages take a while to load, so they are
 * loaded only here.
 */
export async function openTracing(env: Environment, version: string): Promise<Tracing | undefined> {
  if (!wantsTraces(env)) return undefined;
  const [{ context, trace }, { NodeSDK, resources }, { FastifyOtelInstrumentation }] = await Promise.all([
    import('@opentelemetry/api'),
    import('@opentelemetry/sdk-node'),
    import('@fastify/otel'),
  ]);
  // OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES go before these.
  const standard = { 'service.name': 'cellstep', 'service.version': version };
  const requests = new FastifyOtelInstrumentation({
    instrumentHooks: false,
    instrumentHandler: false,
    ignorePaths: ({ url }) => PROBES.has(url),
    requestHook: (span, { url }) => keepOut(span, url),
  });
  const sdk = new NodeSDK({
    resource: resources.defaultResource().merge(resources.resourceFromAttributes(standard)),
    instrumentations: [requests],
    // Metrics are at /metrics, and logs on stdout.
    metricReaders: [],
    logRecordProcessors: [],
  });
  sdk.start();
  const tracer = trace.getTracer('cellstep', version);
  return {
    plugin: requests.plugin(),
    beginStage(stage) {
      // What belongs to no request, such as sweeping, would be a trace of its own.
      if (!trace.getSpan(context.active())?.isRecording()) return () => undefined;
      const span = tracer.startSpan(stage);
      return () => span.end();
    },
    traceId: () => trace.getSpanContext(context.active())?.traceId,
    close: () => sdk.shutdown(),
  };
}
