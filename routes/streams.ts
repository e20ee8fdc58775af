import { noQuery } from '../schemas/common.ts';
import { asyncApiYaml } from '../schemas/service.ts';
import { MAX_ITEMS, stepsBodies, stepsReplies } from '../schemas/stream.ts';
import { SAFETENSORS } from '../src/domain/media-types.ts';
import type { StreamDoor } from '../src/streams/door.ts';
import { type App, describe } from './route.ts';

/** Steps of many sessions in one call, or over one connection. */
export function streamRoutes(app: App, door: StreamDoor): void {
  app.post(
    '/v1/steps',
    {
      schema: describe('stepSessions', { querystring: noQuery, body: stepsBodies, reply: { 200: stepsReplies } }),
      config: { takesLines: true, takesFiles: [SAFETENSORS], mostFields: 6 * MAX_ITEMS },
      // Each step is checked on its own when its turn comes.
      validatorCompiler: (part) =>
        part.httpPart === 'body' || !app.validatorCompiler
          ? (value: unknown) => ({ value })
          : app.validatorCompiler(part as never),
    },
    (request, reply) => door.answerSteps(request, reply),
  );

  app.get(
    '/v1/stream',
    {
      // asyncapi.yaml describes it.
      schema: { hide: true },
      config: { access: 'step' },
      preValidation: async (request) => door.sockets.requireHandshake(request),
      websocket: true,
    },
    (socket, request) => door.sockets.open(socket, request),
  );

  app.get(
    '/asyncapi.yaml',
    { schema: describe('readAsyncApi', { querystring: noQuery, reply: { 200: asyncApiYaml } }) },
    async (_request, reply) => reply.header('content-type', 'application/yaml').send(door.asyncApi),
  );
}
