import { z } from 'zod';
import { cellReply } from '../schemas/cell.ts';
import { changeHeaders, idOf, noQuery, readHeaders } from '../schemas/common.ts';
import { TensorReply } from '../schemas/tensor.ts';
import { putWeightsQuery, weightsBodies, weightsReplies } from '../schemas/weight-file.ts';
import { WEIGHT_FILE_TYPES } from '../src/domain/media-types.ts';
import { requireOffer } from '../src/http/accept.ts';
import { changeOf } from '../src/http/changes.ts';
import { ok, send, sendFile, sendRead } from '../src/http/replies.ts';
import { refuseFileQuery, sentFile } from '../src/http/sent-file.ts';
import type { Cell, CellRecord } from '../src/services/cells/cell-record.ts';
import type { TenantServices } from '../src/services/tenants/index.ts';
import { presentCell } from './present/cell.ts';
import { type App, describe } from './route.ts';

const params = z.strictObject({ cell: idOf('a cell').meta({ examples: ['cell'] }) });
const JSON_OFFER = { mediaType: 'application/json' } as const;

/** All weights of a cell at once: as JSON, or as a file. */
export function weightRoutes(app: App, services: TenantServices): void {
  const shown = (record: CellRecord) => ok(presentCell(record, services.describeCell(record)), record.version);
  const asJson = ({ record, weights }: Cell) => {
    const named = record.variables.map(({ name }) => [name, new TensorReply(weights[name], 'nested')] as const);
    return ok({ weights: Object.fromEntries(named), cell_version: record.version }, record.version);
  };

  app.get(
    '/v1/cells/:cell/weights',
    {
      schema: describe('readWeights', {
        params,
        headers: readHeaders,
        querystring: noQuery,
        reply: { 200: weightsReplies },
      }),
    },
    async (request, reply) => {
      reply.header('vary', 'Accept');
      const cell = await services.of(request).cells.readWeights(request.params.cell);
      const { id: name, version } = cell.record;
      const offers = [JSON_OFFER, ...services.of(request).cells.fileFormats(cell.record)];
      const chosen = requireOffer(request.headers.accept, offers, `cell '${name}'`);
      if (!('write' in chosen)) return sendRead(request, reply, asJson(cell));
      const { mediaType, extension } = chosen;
      return sendFile(request, reply, { name, extension, mediaType, version }, () =>
        services.of(request).cells.writeFile(chosen, cell),
      );
    },
  );

  app.put(
    '/v1/cells/:cell/weights',
    {
      config: { takesFiles: WEIGHT_FILE_TYPES },
      schema: describe('putWeights', {
        params,
        headers: changeHeaders,
        querystring: putWeightsQuery,
        body: weightsBodies,
        reply: { 200: cellReply },
      }),
    },
    async (request, reply) => {
      const { body, params, query } = request;
      const change = changeOf(request, shown);
      if (body instanceof Uint8Array) {
        return send(
          reply,
          await services.of(request).cells.putWeightsFile(params.cell, sentFile(request, body, query.layer), change),
        );
      }
      refuseFileQuery(query);
      return send(reply, await services.of(request).cells.putWeights(params.cell, body.weights, change));
    },
  );
}
