import { z } from 'zod';
import {
  checkpointBody,
  checkpointReply,
  fileReply,
  importQuery,
  restoreBody,
  restoreReply,
} from '../schemas/checkpoint.ts';
import { createHeaders, idOf, listQuery, noQuery, page } from '../schemas/common.ts';
import type { Limits } from '../src/domain/limits.ts';
import { fieldProblem } from '../src/domain/problems.ts';
import { SAFETENSORS } from '../src/http/bodies/binary-body.ts';
import { changeOf } from '../src/http/changes.ts';
import { pageReply } from '../src/http/replies/page-reply.ts';
import { created, noContent, ok, send, sendFile, sendRead } from '../src/http/replies/replies.ts';
import type { CheckpointRecord } from '../src/services/checkpoints/checkpoint-record.ts';
import type { TenantServices } from '../src/services/tenants/index.ts';
import { type App, deletion, describe, reading } from './route.ts';

const params = z.strictObject({ checkpoint: idOf('a checkpoint').meta({ examples: ['ckpt'] }) });

export function checkpointRoutes(app: App, services: TenantServices, limits: Limits): void {
  const present = ({ created_at, ...record }: CheckpointRecord) => ({
    ...record,
    format: undefined,
    content: undefined,
    created_at: new Date(created_at).toISOString(),
  });
  const shownNew = (record: CheckpointRecord) =>
    created(`/v1/checkpoints/${record.id}`, present(record), record.version);

  app.post(
    '/v1/checkpoints',
    {
      bodyLimit: limits.maxCheckpointBytes,
      config: { takesFiles: [SAFETENSORS], passesFilesOn: true },
      schema: describe('saveCheckpoint', {
        headers: createHeaders,
        querystring: importQuery,
        body: checkpointBody,
        reply: { 201: checkpointReply },
      }),
    },
    async (request, reply) => {
      const { body } = request;
      if (Symbol.asyncIterator in body)
        return send(
          reply,
          await services.of(request).checkpoints.import(body, request.query.id, changeOf(request, shownNew)),
        );
      if (request.query.id !== undefined) {
        const detail = '?id names a checkpoint that is brought in as a file. Send "id" in the JSON body.';
        throw fieldProblem('invalid-request', '?id', detail);
      }
      const { id, ...wanted } = body;
      return send(reply, await services.of(request).checkpoints.save(wanted, id, changeOf(request, shownNew)));
    },
  );

  app.get(
    '/v1/checkpoints',
    { schema: describe('listCheckpoints', { querystring: listQuery, reply: { 200: page(checkpointReply) } }) },
    async (request, reply) => {
      const page = await services.of(request).checkpoints.list(request.query);
      return send(reply, await pageReply(request, page, present));
    },
  );

  app.get(
    '/v1/checkpoints/:checkpoint',
    {
      schema: describe('readCheckpoint', reading(params, checkpointReply)),
    },
    async (request, reply) => {
      const record = await services.of(request).checkpoints.read(request.params.checkpoint);
      return sendRead(request, reply, ok(present(record), record.version));
    },
  );

  app.get(
    '/v1/checkpoints/:checkpoint/content',
    {
      schema: describe('readCheckpointContent', reading(params, fileReply)),
    },
    async (request, reply) => {
      const { checkpoint: name } = request.params;
      const { checkpoints } = services.of(request);
      const record = await checkpoints.read(name);
      const file = { name, extension: '.safetensors', mediaType: SAFETENSORS, version: record.version };
      return sendFile(request, reply, file, () => checkpoints.readContent(record));
    },
  );

  app.post(
    '/v1/checkpoints/:checkpoint/restore',
    {
      schema: describe('restoreCheckpoint', {
        params,
        headers: createHeaders,
        querystring: noQuery,
        body: restoreBody,
        reply: { 200: restoreReply },
      }),
    },
    async (request, reply) =>
      send(
        reply,
        await services
          .of(request)
          .checkpoints.restore(request.params.checkpoint, request.body?.create_missing ?? false, changeOf(request, ok)),
      ),
  );

  app.delete(
    '/v1/checkpoints/:checkpoint',
    {
      schema: describe('deleteCheckpoint', deletion(params)),
    },
    async (request, reply) =>
      send(
        reply,
        await services.of(request).checkpoints.delete(request.params.checkpoint, changeOf(request, noContent)),
      ),
  );
}
