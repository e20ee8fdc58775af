import { z } from 'zod';
import { noQuery } from '../schemas/common.ts';
import { opBody, opReply, opsReply } from '../schemas/op.ts';
import { TensorReply } from '../schemas/tensor.ts';
import { ok, send, writerFor } from '../src/http/replies/replies.ts';
import type { TenantServices } from '../src/services/tenants/index.ts';
import { type App, computing, describe } from './route.ts';

const params = z.strictObject({
  op: z
    .string()
    .min(1)
    .max(100)
    .meta({ description: 'Name of an op.', examples: ['tanh', 'softmax', 'multiply', 'matmul'] }),
});

export function opRoutes(app: App, services: TenantServices): void {
  app.get(
    '/v1/ops',
    { schema: describe('listOps', { querystring: noQuery, reply: { 200: opsReply } }) },
    async (request, reply) => send(reply, ok({ items: services.of(request).ops.list() })),
  );

  app.post(
    '/v1/ops/:op',
    {
      schema: describe('applyOp', computing(params, opBody, opReply)),
    },
    async (request, reply) => {
      const writer = writerFor(request);
      const output = await services.of(request).ops.apply(request.params.op, request.body);
      return send(reply, ok({ output: new TensorReply(output, request.body.tensor_format) }, undefined, writer));
    },
  );
}
