import type { FastifyInstance } from 'fastify';
import type { BeginStage } from '../../domain/ports.ts';

/** What tells the trace that a request belongs to, where there is more than its header. */
interface Traces {
  readonly beginStage: BeginStage;
  traceId(): string | undefined;
}

/** Version, id of the trace, id of the parent, flags: W3C Trace Context. */
const TRACEPARENT = /^[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(-|$)/;

/**
 * Finds the trace of each request: the one that is recorded, or the one that its `traceparent` names. All log lines of the
 * request have its id as `trace_id`. Where requests are traced, reading and checking the body is a stage.
 */
export function addTraces(app: FastifyInstance, traces?: Traces): void {
  app.decorateRequest('traceId');
  app.check((request, reply) => {
    const { traceparent } = request.raw.headers;
    const id = traces?.traceId() ?? TRACEPARENT.exec(typeof traceparent === 'string' ? traceparent : '')?.[1];
    if (id !== undefined) {
      request.traceId = id;
      request.log = request.log.child({ trace_id: id });
      reply.log = request.log;
    }
    return undefined;
  });
  if (!traces) return;
  app.decorateRequest('endParsing');
  app.addHook('preParsing', (request, _reply, _payload, done) => {
    request.endParsing = traces.beginStage('parse');
    done();
  });
  // After the body was checked too. A body that is refused ends with its request.
  app.addHook('preHandler', (request, _reply, done) => {
    request.endParsing?.();
    request.endParsing = undefined;
    done();
  });
  app.addHook('onSend', (request, _reply, _payload, done) => {
    request.endParsing?.();
    done();
  });
}

declare module 'fastify' {
  interface FastifyRequest {
    traceId?: string;
    endParsing?: () => void;
  }
}
