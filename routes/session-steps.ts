import type { z } from 'zod';
import { sessionParams as params } from '../schemas/common.ts';
import {
  keptStepsQuery,
  keptStepsReply,
  putStatesBody,
  resetBody,
  rewindBody,
  sessionReply,
  sessionStepBody,
  sessionStepReply,
} from '../schemas/session.ts';
import { trainingOf } from '../schemas/training.ts';
import { isReference } from '../src/domain/tensor-literal.ts';
import { changeOf } from '../src/http/changes.ts';
import { ok, send, writerFor } from '../src/http/replies/replies.ts';
import type { StepGroups } from '../src/http/step-groups.ts';
import type { StepAnswer } from '../src/services/sessions/plain-step.ts';
import type { TenantServices } from '../src/services/tenants/index.ts';
import { presentKeptSteps, presentSessionStep } from './present/session.ts';
import { type App, changing, describe } from './route.ts';
import { showSession } from './sessions.ts';

/** What moves a session: its steps, and states that are set, reset or taken back. */
export function sessionStepRoutes(app: App, services: TenantServices, groups?: StepGroups): void {
  app.post(
    '/v1/sessions/:session/steps',
    {
      schema: describe('stepSession', { ...changing(params, sessionStepBody, sessionStepReply), tensors: true }),
    },
    async (request, reply) => {
      const writer = writerFor(request);
      const render = (stepped: StepAnswer) => ok(presentSessionStep(stepped, request.body), stepped.version, writer);
      const change = changeOf(request, render);
      const { session } = request.params;
      const plain = groups && plainStepIn(request.body);
      if (plain) return send(reply, await groups.step(request, { session, ...plain }, change));
      const { training, seed, ...step } = request.body;
      return send(
        reply,
        await services
          .of(request)
          .sessions.step(session, { ...step, training: trainingOf({ training, seed }) }, change),
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

  app.put(
    '/v1/sessions/:session/states',
    {
      schema: describe('putSessionStates', { ...changing(params, putStatesBody, sessionReply), tensors: true }),
    },
    async (request, reply) => {
      const { states, tensor_format } = request.body;
      return send(
        reply,
        await services
          .of(request)
          .sessions.putStates(request.params.session, states, changeOf(request, showSession(request, tensor_format))),
      );
    },
  );

  app.post(
    '/v1/sessions/:session/reset',
    {
      schema: describe('resetSession', { ...changing(params, resetBody, sessionReply), tensors: true }),
    },
    async (request, reply) => {
      const { tensor_format = 'nested' } = request.body ?? {};
      return send(
        reply,
        await services
          .of(request)
          .sessions.reset(request.params.session, changeOf(request, showSession(request, tensor_format))),
      );
    },
  );

  app.post(
    '/v1/sessions/:session/rewind',
    {
      schema: describe('rewindSession', { ...changing(params, rewindBody, sessionReply), tensors: true }),
    },
    async (request, reply) => {
      const { to_step, tensor_format } = request.body;
      return send(
        reply,
        await services
          .of(request)
          .sessions.rewind(request.params.session, to_step, changeOf(request, showSession(request, tensor_format))),
      );
    },
  );
}

/** The parts of a step that may go together with others: inputs [batch, features], and nothing to compute beside. */
function plainStepIn({ inputs, named_inputs, mask, trace, training, return_states }: z.output<typeof sessionStepBody>) {
  if (!inputs || isReference(inputs) || inputs.shape.length !== 2) return undefined;
  return named_inputs || mask || trace || training ? undefined : { inputs, return_states };
}
