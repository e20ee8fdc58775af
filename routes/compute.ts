import type { z } from 'zod';
import { gradientsBody, gradientsReply, sequenceBody, sequenceReply, stepBody, stepReply } from '../schemas/cell.ts';
import { cellParams as params } from '../schemas/common.ts';
import { TensorReply } from '../schemas/tensor.ts';
import { trainingOf } from '../schemas/training.ts';
import { isReference } from '../src/domain/tensor-literal.ts';
import { ok, send, writerFor } from '../src/http/replies/replies.ts';
import type { StepGroups } from '../src/http/step-groups.ts';
import type { TenantServices } from '../src/services/tenants/index.ts';
import { presentComputed, presentGradients, presentNamed, presentOutputs } from './present/cell.ts';
import { type App, computing, describe } from './route.ts';

/** What is computed with a cell whose states the client keeps. */
export function computeRoutes(app: App, services: TenantServices, groups?: StepGroups): void {
  app.post(
    '/v1/cells/:cell/steps',
    {
      schema: describe('stepCell', computing(params, stepBody, stepReply)),
    },
    async (request, reply) => {
      const writer = writerFor(request);
      const { cell } = request.params;
      const { tensor_format: format } = request.body;
      const plain = groups && plainStepIn(request.body);
      const result =
        (plain && (await groups.stepCell(request, { cell, ...plain }))) ??
        (await services.of(request).cells.step(cell, stepIn(request.body)));
      const output = new TensorReply(result.output, format);
      const named = result.outputs ? { outputs: presentNamed(result.outputs, format) } : {};
      return send(reply, ok({ output, ...named, ...presentComputed(result, format) }, undefined, writer));
    },
  );

  app.post(
    '/v1/cells/:cell/sequences',
    {
      schema: describe('runCellSequence', computing(params, sequenceBody, sequenceReply)),
    },
    async (request, reply) => {
      const writer = writerFor(request);
      const { tensor_format: format, training, seed, ...sequence } = request.body;
      const result = await services.of(request).cells.sequence(request.params.cell, {
        ...sequence,
        training: trainingOf({ training, seed }),
      });
      const output = presentOutputs(result.outputs, format);
      const named = result.named ? { outputs: presentNamed(result.named, format) } : {};
      return send(reply, ok({ output, ...named, ...presentComputed(result, format) }, undefined, writer));
    },
  );

  app.post(
    '/v1/cells/:cell/gradients',
    {
      schema: describe('readGradients', computing(params, gradientsBody, gradientsReply)),
    },
    async (request, reply) => {
      const writer = writerFor(request);
      const { tensor_format: format, training, seed, cotangent, cotangents, ...sequence } = request.body;
      const result = await services.of(request).cells.gradients(request.params.cell, {
        ...sequence,
        cotangents: cotangents ?? (cotangent ? [cotangent] : []),
        trace: false,
        training: trainingOf({ training, seed }),
      });
      return send(reply, ok(presentGradients(result, format), undefined, writer));
    },
  );
}

function stepIn({ tensor_format: _, training, seed, ...step }: z.output<typeof stepBody>) {
  return { ...step, training: trainingOf({ training, seed }) };
}

/** The parts of a step that may go together with others: inputs [batch, features], and nothing to compute beside. */
function plainStepIn({ inputs, named_inputs, states, trace, training }: z.output<typeof stepBody>) {
  if (!inputs || isReference(inputs) || inputs.shape.length !== 2) return undefined;
  return named_inputs || trace || training ? undefined : { inputs, states };
}
