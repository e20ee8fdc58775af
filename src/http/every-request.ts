import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';

/** undefined lets the request go on; an error refuses it; `answered` says that the check has sent the reply. */
type Outcome = Error | 'answered' | undefined;

/** Looks at a request before its body is read. */
export type Check = (request: FastifyRequest, reply: FastifyReply) => Outcome | Promise<Outcome>;
/** Looks at what is asked for, or at what is answered, at once. An error refuses the request, or takes the place of its reply. */
type QuickCheck = (request: FastifyRequest, reply: FastifyReply) => Error | undefined;
type PayloadCheck = (request: FastifyRequest, reply: FastifyReply, payload: unknown) => Error | undefined;
type Watcher = (request: FastifyRequest, reply: FastifyReply) => void;
type Done = (error?: Error) => void;
type RouteFacts = FastifyRequest['routeOptions'];

/**
 * Gives the app `check`, `checkBody`, `beforeSending`, `whenSettled` and `whenOver`, which are done for every request in the order in
 * which they were added. There is one hook of Fastify for all checks of a kind, and one listener of the response for all ends: with
 * one for each, these alone would take as long as a step.
 */
export function addChecks(app: FastifyInstance): void {
  app.decorateRequest('keptRoute');
  app.decorateRequest('outcome');
  const checks: Check[] = [];
  const bodyChecks: QuickCheck[] = [];
  const payloadChecks: PayloadCheck[] = [];
  const settled: Watcher[] = [];
  const over: Watcher[] = [];
  app.decorate('check', (check: Check) => void checks.push(check));
  app.decorate('checkBody', (check: QuickCheck) => void bodyChecks.push(check));
  app.decorate('beforeSending', (check: PayloadCheck) => void payloadChecks.push(check));
  app.decorate('whenSettled', (watcher: Watcher) => void settled.push(watcher));
  app.decorate('whenOver', (watcher: Watcher) => void over.push(watcher));

  function settle(request: FastifyRequest, reply: FastifyReply): void {
    if (request.outcome === 'settled') return;
    request.outcome = 'settled';
    for (const watcher of settled) watcher(request, reply);
  }

  function run(from: number, request: FastifyRequest, reply: FastifyReply, done: Done): void {
    for (let k = from; k < checks.length; k++) {
      const outcome = checks[k](request, reply);
      if (outcome === undefined) continue;
      if (outcome instanceof Promise) {
        outcome.then((found) => (found === undefined ? run(k + 1, request, reply, done) : end(found, done)), done);
      } else {
        end(outcome, done);
      }
      return;
    }
    done();
  }

  app.addHook('onRequest', (request, reply, done) => {
    reply.raw.on('close', () => {
      for (const watcher of over) watcher(request, reply);
      if (request.outcome === 'decided') settle(request, reply);
    });
    run(0, request, reply, done);
  });
  app.addHook('preParsing', (request, reply, payload, done) => {
    for (const check of bodyChecks) {
      const refusal = check(request, reply);
      if (refusal) return done(refusal);
    }
    done(null, payload);
  });
  app.addHook('onSend', (request, reply, payload, done) => {
    for (const check of payloadChecks) {
      const refusal = check(request, reply, payload);
      if (refusal) return done(refusal);
    }
    if (isGone(reply)) settle(request, reply);
    else request.outcome = 'decided';
    done();
  });
  app.addHook('onResponse', (request, reply, done) => {
    settle(request, reply);
    done();
  });
}

/** What a request's route is like. Fastify puts an object together each time it is asked, and each request asks ten times. */
export function routeOf(request: FastifyRequest): RouteFacts {
  request.keptRoute ??= request.routeOptions;
  return request.keptRoute;
}

/** Whether the client hung up before the operating system had the whole reply. */
export function isGone({ raw }: FastifyReply): boolean {
  return raw.closed && !raw.writableFinished;
}

function end(outcome: Error | 'answered', done: Done): void {
  if (outcome !== 'answered') done(outcome);
}

declare module 'fastify' {
  interface FastifyInstance {
    check: (check: Check) => void;
    /** After all checks, just before the body is read. */
    checkBody: (check: QuickCheck) => void;
    /** When a reply is ready to be sent. */
    beforeSending: (check: PayloadCheck) => void;
    /** Once for each request: when what it comes to is known, and the reply is with the operating system or the client is gone. */
    whenSettled: (watcher: Watcher) => void;
    /** When the reply is with the operating system, or the client is gone. */
    whenOver: (watcher: Watcher) => void;
  }
  interface FastifyRequest {
    keptRoute?: RouteFacts;
    /** It is known what the request comes to; then that is told too. */
    outcome?: 'decided' | 'settled';
  }
}
