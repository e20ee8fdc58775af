import { z } from 'zod';
import { buildBody, cellReply, cellVariablesReply, configReply, graphReply } from '../schemas/cell.ts';
import { changeHeaders, createHeaders, listQuery, page, cellParams as params } from '../schemas/common.ts';
import { createCellBodies, createCellQuery, importedCellReply } from '../schemas/weight-file.ts';
import { SENT_FILE_TYPES } from '../src/domain/media-types.ts';
import { changeOf } from '../src/http/changes.ts';
import { pageReply } from '../src/http/replies/page-reply.ts';
import { created, noContent, ok, send, sendRead } from '../src/http/replies/replies.ts';
import { configOptions, graphOptions, refuseFileQuery, sentFile, sentGraph } from '../src/http/replies/sent-file.ts';
import type { ImportedCell } from '../src/services/cells/cell-files.ts';
import type { CellRecord } from '../src/services/cells/cell-record.ts';
import type { TenantServices } from '../src/services/tenants/index.ts';
import { presentCell, presentGraph, presentImported, presentVariable } from './present/cell.ts';
import { type App, changing, describe, reading } from './route.ts';

const deleteQuery = z.strictObject({
  force: z.enum(['true', 'false']).default('false').describe('Delete the cell though it has open sessions.'),
});

export function cellRoutes(app: App, services: TenantServices): void {
  const present = (record: CellRecord) => presentCell(record, services.describeCell(record));
  const shown = (record: CellRecord) => ok(present(record), record.version);
  const shownImported = ({ record, imported }: ImportedCell) =>
    created(`/v1/cells/${record.id}`, presentImported(present(record), imported), record.version);
  const shownNew = (record: CellRecord) => created(`/v1/cells/${record.id}`, present(record), record.version);

  app.post(
    '/v1/cells',
    {
      config: { takesFiles: SENT_FILE_TYPES },
      schema: describe('createCell', {
        body: createCellBodies,
        headers: createHeaders,
        querystring: createCellQuery,
        reply: { 200: graphReply, 201: importedCellReply },
      }),
    },
    async (request, reply) => {
      const { body, query } = request;
      if (body instanceof Uint8Array) {
        const { id, precision = 'fast', layer, class_name: className, graph } = query;
        const graphs = graphOptions(query);
        if (graph) {
          const file = sentGraph(request, body);
          const { cells } = services.of(request);
          if (query.dry_run) return send(reply, ok(presentGraph(await cells.describeGraph(file, graphs))));
          const change = changeOf(request, shownImported);
          return send(reply, await cells.createGraph(file, { id, options: graphs }, change));
        }
        const options = { ...(className === undefined ? {} : { className }), config: configOptions(query) };
        const file = sentFile(request, body, layer);
        const change = changeOf(request, shownImported);
        return send(reply, await services.of(request).cells.createFromFile(file, { id, precision, options }, change));
      }
      refuseFileQuery(query);
      const { id, build_config, compile_config: _, input_shape, ...cell } = body;
      const input = { ...cell, input_shape: input_shape ?? build_config };
      return send(reply, await services.of(request).cells.create(input, id, changeOf(request, shownNew)));
    },
  );

  app.get(
    '/v1/cells',
    { schema: describe('listCells', { querystring: listQuery, reply: { 200: page(cellReply) } }) },
    async (request, reply) => {
      const page = await services.of(request).cells.list(request.query);
      return send(reply, await pageReply(request, page, present));
    },
  );

  app.get('/v1/cells/:cell', { schema: describe('readCell', reading(params, cellReply)) }, async (request, reply) =>
    sendRead(request, reply, shown(await services.of(request).cells.read(request.params.cell))),
  );

  app.delete(
    '/v1/cells/:cell',
    {
      schema: describe('deleteCell', {
        params,
        headers: changeHeaders,
        querystring: deleteQuery,
        reply: { 204: null },
      }),
    },
    async (request, reply) =>
      send(
        reply,
        await services
          .of(request)
          .cells.delete(request.params.cell, request.query.force === 'true', changeOf(request, noContent)),
      ),
  );

  app.post(
    '/v1/cells/:cell/build',
    {
      schema: describe('buildCell', changing(params, buildBody, cellReply)),
    },
    async (request, reply) =>
      send(
        reply,
        await services.of(request).cells.build(request.params.cell, request.body.input_shape, changeOf(request, shown)),
      ),
  );

  app.get(
    '/v1/cells/:cell/config',
    {
      schema: describe('readCellConfig', reading(params, configReply)),
    },
    async (request, reply) => {
      const { class_name, config, version } = await services.of(request).cells.read(request.params.cell);
      return sendRead(request, reply, ok({ class_name, config }, version));
    },
  );

  app.get(
    '/v1/cells/:cell/variables',
    {
      schema: describe('listCellVariables', reading(params, cellVariablesReply)),
    },
    async (request, reply) => {
      const { cells } = services.of(request);
      const cell = await cells.readWeights(request.params.cell);
      const [{ record }, weights] = [cell, await cells.weightsOf(cell)];
      const items = record.variables.map((variable) =>
        presentVariable({ ...variable, value: weights[variable.name] }, 'nested'),
      );
      return sendRead(request, reply, ok({ items }, record.version));
    },
  );
}
