import type { FastifyRequest } from 'fastify';
import { changeHeaders, createHeaders, noQuery, page, sessionParams as params } from '../schemas/common.ts';
import { forkBody, listedSession, listSessionsQuery, openSessionBody, sessionReply } from '../schemas/session.ts';
import type { TensorFormat } from '../schemas/tensor.ts';
import { changeOf } from '../src/http/changes.ts';
import { pageReply } from '../src/http/replies/page-reply.ts';
import { created, noContent, ok, send, sendRead, writerFor } from '../src/http/replies/replies.ts';
import type { Session } from '../src/services/sessions/session-record.ts';
import type { TenantServices } from '../src/services/tenants/index.ts';
import { presentSession } from './present/session.ts';
import { type App, deletion, describe, reading } from './route.ts';

/** A session as the reply to a request. */
export function showSession(request: FastifyRequest, format: TensorFormat) {
  const writer = writerFor(request);
  return (session: Omit<Session, 'revision'>) => ok(presentSession(session, format), session.record.version, writer);
}

/** A new session as the reply to the request that makes it. */
function showNew(request: FastifyRequest, format: TensorFormat) {
  const writer = writerFor(request);
  return ({ record, ...session }: Session) =>
    created(`/v1/sessions/${record.id}`, presentSession({ record, ...session }, format), record.version, writer);
}

/** The life of a session: opened, found, forked and closed. */
export function sessionRoutes(app: App, services: TenantServices): void {
  app.post(
    '/v1/sessions',
    {
      schema: describe('openSession', {
        headers: createHeaders,
        querystring: noQuery,
        body: openSessionBody,
        reply: { 201: sessionReply },
        tensors: true,
      }),
    },
    async (request, reply) => {
      const { id, tensor_format, ...input } = request.body;
      return send(
        reply,
        await services.of(request).sessions.open(input, id, changeOf(request, showNew(request, tensor_format))),
      );
    },
  );

  app.get(
    '/v1/sessions',
    { schema: describe('listSessions', { querystring: listSessionsQuery, reply: { 200: page(listedSession) } }) },
    async (request, reply) => {
      const { values, ...asked } = request.query;
      const show = (session: Omit<Session, 'revision'>) => {
        const { states, ...rest } = presentSession(session, 'nested');
        return values ? { ...rest, states } : rest;
      };
      return send(reply, await pageReply(request, await services.of(request).sessions.list(asked), show));
    },
  );

  app.get(
    '/v1/sessions/:session',
    {
      schema: describe('readSession', { ...reading(params, sessionReply), tensors: true }),
    },
    async (request, reply) => {
      reply.header('vary', 'Accept');
      const show = showSession(request, 'nested');
      return sendRead(request, reply, show(await services.of(request).sessions.read(request.params.session)));
    },
  );

  app.post(
    '/v1/sessions/:session/fork',
    {
      schema: describe('forkSession', {
        params,
        headers: changeHeaders,
        querystring: noQuery,
        body: forkBody,
        reply: { 201: sessionReply },
        tensors: true,
      }),
    },
    async (request, reply) => {
      const { id, at_step, tensor_format = 'nested' } = request.body ?? {};
      return send(
        reply,
        await services
          .of(request)
          .sessions.fork(request.params.session, at_step, id, changeOf(request, showNew(request, tensor_format))),
      );
    },
  );

  app.delete(
    '/v1/sessions/:session',
    {
      schema: describe('deleteSession', deletion(params)),
    },
    async (request, reply) =>
      send(reply, await services.of(request).sessions.close(request.params.session, changeOf(request, noContent))),
  );
}
