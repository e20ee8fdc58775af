import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import { changeHeaders, createHeaders, idOf, noQuery, page, readHeaders } from '../schemas/common.ts';
import {
  forkBody,
  keptStepsQuery,
  keptStepsReply,
  listedSession,
  listSessionsQuery,
  openSessionBody,
  putStatesBody,
  resetBody,
  rewindBody,
  sessionReply,
  sessionStepBody,
  sessionStepReply,
} from '../schemas/session.ts';
import type { TensorFormat } from '../schemas/tensor.ts';
import { trainingOf } from '../schemas/training.ts';
import { changeOf } from '../src/http/changes.ts';
import { created, noContent, ok, send, sendRead, writerFor } from '../src/http/replies.ts';
import type { Session } from '../src/services/sessions/session-record.ts';
import type { SteppedSession } from '../src/services/sessions/step-session.ts';
import type { TenantServices } from '../src/services/tenants/index.ts';
import { presentKeptSteps, presentSession, presentSessionStep } from './present/session.ts';
import { type App, deletion, describe } from './route.ts';

const params = z.strictObject({ session: idOf('a session').meta({ examples: ['s'] }) });

export function sessionRoutes(app: App, services: TenantServices): void {
  const shown = (request: FastifyRequest, format: TensorFormat) => {
    const writer = writerFor(request);
    return (session: Omit<Session, 'revision'>) => ok(presentSession(session, format), session.record.version, writer);
  };
  const shownNew = (request: FastifyRequest, format: TensorFormat) => {
    const writer = writerFor(request);
    return ({ record, ...session }: Session) =>
      created(`/v1/sessions/${record.id}`, presentSession({ record, ...session }, format), record.version, writer);
  };

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
        await services.of(request).sessions.open(input, id, changeOf(request, shownNew(request, tensor_format))),
      );
    },
  );

  app.get(
    '/v1/sessions',
    { schema: describe('listSessions', { querystring: listSessionsQuery, reply: { 200: page(listedSession) } }) },
    async (request, reply) => {
      const { values, ...asked } = request.query;
      const { items, next_cursor } = await services.of(request).sessions.list(asked);
      const shown = items.map((session) => {
        const { states, ...rest } = presentSession(session, 'nested');
        return values ? { ...rest, states } : rest;
      });
      return send(reply, ok({ items: shown, next_cursor }));
    },
  );

  app.get(
    '/v1/sessions/:session',
    {
      schema: describe('readSession', {
        params,
        headers: readHeaders,
        querystring: noQuery,
        reply: { 200: sessionReply },
        tensors: true,
      }),
    },
    async (request, reply) => {
      reply.header('vary', 'Accept');
      const show = shown(request, 'nested');
      return sendRead(request, reply, show(await services.of(request).sessions.read(request.params.session)));
    },
  );

  app.post(
    '/v1/sessions/:session/steps',
    {
      schema: describe('stepSession', {
        params,
        headers: changeHeaders,
        querystring: noQuery,
        body: sessionStepBody,
        reply: { 200: sessionStepReply },
        tensors: true,
      }),
    },
    async (request, reply) => {
      const { training, seed, ...step } = request.body;
      const writer = writerFor(request);
      const render = (stepped: SteppedSession) =>
        ok(presentSessionStep(stepped, request.body), stepped.session.record.version, writer);
      return send(
        reply,
        await services
          .of(request)
          .sessions.step(
            request.params.session,
            { ...step, training: trainingOf({ training, seed }) },
            changeOf(request, render),
          ),
      );
    },
  );

  app.put(
    '/v1/sessions/:session/states',
    {
      schema: describe('putSessionStates', {
        params,
        headers: changeHeaders,
        querystring: noQuery,
        body: putStatesBody,
        reply: { 200: sessionReply },
        tensors: true,
      }),
    },
    async (request, reply) => {
      const { states, tensor_format } = request.body;
      return send(
        reply,
        await services
          .of(request)
          .sessions.putStates(request.params.session, states, changeOf(request, shown(request, tensor_format))),
      );
    },
  );

  app.post(
    '/v1/sessions/:session/reset',
    {
      schema: describe('resetSession', {
        params,
        headers: changeHeaders,
        querystring: noQuery,
        body: resetBody,
        reply: { 200: sessionReply },
        tensors: true,
      }),
    },
    async (request, reply) => {
      const { tensor_format = 'nested' } = request.body ?? {};
      return send(
        reply,
        await services
          .of(request)
          .sessions.reset(request.params.session, changeOf(request, shown(request, tensor_format))),
      );
    },
  );

  app.get(
    '/v1/sessions/:session/steps',
    {
      schema: describe('listSessionSteps', { params, querystring: keptStepsQuery, reply: { 200: keptStepsReply } }),
    },
    async (request, reply) =>
      send(
        reply,
        ok(presentKeptSteps(await services.of(request).sessions.listSteps(request.params.session, request.query))),
      ),
  );

  app.post(
    '/v1/sessions/:session/rewind',
    {
      schema: describe('rewindSession', {
        params,
        headers: changeHeaders,
        querystring: noQuery,
        body: rewindBody,
        reply: { 200: sessionReply },
        tensors: true,
      }),
    },
    async (request, reply) => {
      const { to_step, tensor_format } = request.body;
      return send(
        reply,
        await services
          .of(request)
          .sessions.rewind(request.params.session, to_step, changeOf(request, shown(request, tensor_format))),
      );
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
          .sessions.fork(request.params.session, at_step, id, changeOf(request, shownNew(request, tensor_format))),
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
