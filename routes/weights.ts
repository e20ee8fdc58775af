import { changeHeaders, cellParams as params } from '../schemas/common.ts';
import { TensorReply } from '../schemas/tensor.ts';
import { importedCellReply, putWeightsQuery, weightsBodies, weightsReplies } from '../schemas/weight-file.ts';
import { SENT_FILE_TYPES } from '../src/domain/media-types.ts';
import { changeOf } from '../src/http/changes.ts';
import { requireOffer } from '../src/http/replies/accept.ts';
import { ok, send, sendFile, sendRead } from '../src/http/replies/replies.ts';
import { configOptions, refuseFileQuery, sentFile } from '../src/http/replies/sent-file.ts';
import type { ImportedCell } from '../src/services/cells/cell-files.ts';
import type { Cell, CellRecord } from '../src/services/cells/cell-record.ts';
import type { TenantServices } from '../src/services/tenants/index.ts';
import { presentCell, presentImported } from './present/cell.ts';
import { type App, describe, reading } from './route.ts';

const JSON_OFFER = { mediaType: 'application/json' } as const;

/** All weights of a cell at once: as JSON, or as a file. */
export function weightRoutes(app: App, services: TenantServices): void {
  const present = (record: CellRecord) => presentCell(record, services.describeCell(record));
  const shown = (record: CellRecord) => ok(present(record), record.version);
  const shownImported = ({ record, imported }: ImportedCell) =>
    ok(presentImported(present(record), imported), record.version);
  const asJson = ({ record }: Cell, weights: Cell['weights']) => {
    const named = record.variables.map(({ name }) => [name, new TensorReply(weights[name], 'nested')] as const);
    return ok({ weights: Object.fromEntries(named), cell_version: record.version }, record.version);
  };

  app.get(
    '/v1/cells/:cell/weights',
    {
      schema: describe('readWeights', reading(params, weightsReplies)),
    },
    async (request, reply) => {
      reply.header('vary', 'Accept');
      const cell = await services.of(request).cells.readWeights(request.params.cell);
      const { id: name, version } = cell.record;
      const offers = [JSON_OFFER, ...(await services.of(request).cells.fileFormats(cell.record))];
      const chosen = requireOffer(request.headers.accept, offers, `cell '${name}'`);
      if (!('write' in chosen))
        return sendRead(request, reply, asJson(cell, await services.of(request).cells.weightsOf(cell)));
      const { mediaType, extension } = chosen;
      return sendFile(request, reply, { name, extension, mediaType, version }, () =>
        services.of(request).cells.writeFile(chosen, cell),
      );
    },
  );

  app.put(
    '/v1/cells/:cell/weights',
    {
      config: { takesFiles: SENT_FILE_TYPES },
      schema: describe('putWeights', {
        params,
        headers: changeHeaders,
        querystring: putWeightsQuery,
        body: weightsBodies,
        reply: { 200: importedCellReply },
      }),
    },
    async (request, reply) => {
      const { body, params, query } = request;
      if (body instanceof Uint8Array) {
        const file = sentFile(request, body, query.layer);
        const options = { config: configOptions(query) };
        const change = changeOf(request, shownImported);
        return send(reply, await services.of(request).cells.putWeightsFile(params.cell, file, options, change));
      }
      refuseFileQuery(query);
      const change = changeOf(request, shown);
      return send(reply, await services.of(request).cells.putWeights(params.cell, body.weights, change));
    },
  );
}
