import { cellParams as params, readHeaders } from '../schemas/common.ts';
import { optimizerQuery, optimizerReply, trainingBody, trainingReply } from '../schemas/train.ts';
import { changeOf } from '../src/http/changes.ts';
import { requireOffer } from '../src/http/replies/accept.ts';
import { followLines, LINES_TYPE, linesText } from '../src/http/replies/lines-reply.ts';
import { noContent, ok, send, sendRead } from '../src/http/replies/replies.ts';
import type { TenantServices } from '../src/services/tenants/index.ts';
import type { Trained } from '../src/services/training/train-cell.ts';
import { presentOptimizer, presentProgress, presentTrained, trainedLines } from './present/training.ts';
import { type App, changing, deletion, describe } from './route.ts';

const OFFERS = [{ mediaType: 'application/json' }, { mediaType: LINES_TYPE }] as const;

/** Training of a cell, and the optimizer that is kept with it. */
export function trainingRoutes(app: App, services: TenantServices): void {
  app.post(
    '/v1/cells/:cell/training_steps',
    {
      schema: describe('trainCell', changing(params, trainingBody, trainingReply)),
    },
    async (request, reply) => {
      const { cell } = request.params;
      const { training } = services.of(request);
      reply.header('vary', 'Accept');
      const { mediaType } = requireOffer(request.headers.accept, OFFERS, 'this reply');
      if (mediaType !== LINES_TYPE) {
        const change = changeOf(request, (trained: Trained) => ok(presentTrained(trained), trained.cellVersion));
        return send(reply, await training.train(cell, request.body, change));
      }
      const writer = { mediaType, write: (lines: object) => linesText(lines as readonly object[]) };
      const change = changeOf(request, (trained: Trained) => ok(trainedLines(trained), trained.cellVersion, writer));
      const followed = await followLines(request, reply, ({ write, signal }) =>
        training.train(cell, request.body, change, { progress: (made) => write(presentProgress(made)), signal }),
      );
      return 'body' in followed ? send(reply, followed) : followed;
    },
  );

  app.get(
    '/v1/cells/:cell/optimizer',
    {
      schema: describe('readOptimizer', {
        params,
        headers: readHeaders,
        querystring: optimizerQuery,
        reply: { 200: optimizerReply },
      }),
    },
    async (request, reply) => {
      const optimizer = await services.of(request).training.readOptimizer(request.params.cell);
      const body = presentOptimizer(optimizer, request.query.values === 'true');
      return sendRead(request, reply, ok(body, optimizer.record.version));
    },
  );

  app.delete(
    '/v1/cells/:cell/optimizer',
    {
      schema: describe('deleteOptimizer', deletion(params)),
    },
    async (request, reply) =>
      send(
        reply,
        await services.of(request).training.deleteOptimizer(request.params.cell, changeOf(request, noContent)),
      ),
  );
}
