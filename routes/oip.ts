import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import { loadModelBody, repositoryIndexBody, unloadModelBody } from '../schemas/oip.ts';
import type { Scope } from '../src/domain/identity.ts';
import { Problem } from '../src/domain/problems.ts';
import { checkShape } from '../src/http/bodies/validation.ts';
import { send } from '../src/http/replies/replies.ts';
import { type InferenceDoor, SERVER, speakProtocol } from '../src/oip/door.ts';
import { modelConfig, modelMetadata } from '../src/oip/model.ts';
import { readJson } from '../src/oip/read-json.ts';
import type { TenantServices } from '../src/services/tenants/index.ts';
import type { App } from './route.ts';

const params = z.strictObject({ cell: z.string(), version: z.string().optional() });

/** The protocol has its own description, so openapi.yaml leaves it out. `operationId` is for the audit log. */
function options(access: Scope | 'open') {
  return { schema: { hide: true }, config: { access, ownBody: true } } as const;
}

function modelOptions(access: Scope, operationId?: string) {
  const { config, schema } = options(access);
  return { schema: { ...schema, operationId, params }, config } as const;
}

/** The Open Inference Protocol (KServe V2) with the extensions of Triton, where cells are the models. */
export function inferenceRoutes(app: App, door: InferenceDoor, services: TenantServices): void {
  app.register(async (scope: App) => {
    speakProtocol(scope);
    serverRoutes(scope, door, services.check);
    modelRoutes(scope, '/v2/models/:cell', door);
    modelRoutes(scope, '/v2/models/:cell/versions/:version', door);
    repositoryRoutes(scope, door, services);
    scope.route({
      method: ['GET', 'POST'],
      url: '/v2/*',
      ...options('open'),
      handler: async ({ method, url }) => {
        const path = url.split('?')[0].slice(0, 200);
        throw new Problem('not-found', `There is nothing at ${method} ${path}: this service has no such extension.`);
      },
    });
  });
}

function serverRoutes(app: App, door: InferenceDoor, check: () => Promise<void>): void {
  const open = options('open');
  app.get('/v2', options('read'), async () => SERVER);
  app.get('/v2/health/live', open, async () => ({ live: true }));
  app.get('/v2/health/ready', open, async () => {
    await check();
    return { ready: true };
  });
  app.get('/v2/models/stats', options('read'), async (request, reply) =>
    send(reply, await door.show(request, await door.listModels(request))),
  );
}

/** `path` is the path of a model or of one of its versions. */
function modelRoutes(app: App, path: string, door: InferenceDoor): void {
  const reading = modelOptions('read');
  app.get(path, reading, async (request) => modelMetadata(await door.findModel(request, request.params)));
  app.get(`${path}/config`, reading, async (request) => modelConfig(await door.findModel(request, request.params)));
  app.get(`${path}/ready`, reading, async (request) => {
    const { record } = await door.findModel(request, request.params);
    return { name: record.id, ready: true };
  });
  app.get(`${path}/stats`, reading, async (request, reply) => {
    const { record } = await door.findModel(request, request.params);
    return send(reply, await door.show(request, [record]));
  });
  app.post(`${path}/infer`, modelOptions('step', 'inferModel'), async (request, reply) =>
    send(reply, await door.infer(request, request.params)),
  );
}

function repositoryRoutes(app: App, door: InferenceDoor, services: TenantServices): void {
  /** An empty body counts as an object without fields. */
  async function read<T>(request: FastifyRequest, type: z.ZodType<T>): Promise<T> {
    const bytes = await door.readBody(request);
    return checkShape(type, bytes.length === 0 ? {} : readJson(bytes));
  }
  app.post('/v2/repository/index', options('read'), async (request) => {
    await read(request, repositoryIndexBody);
    const cells = await door.listModels(request);
    // Every cell is ready, so the filter `ready` changes nothing.
    return cells.map(({ id, version }) => ({ name: id, version: String(version), state: 'READY', reason: '' }));
  });
  app.post('/v2/repository/models/:cell/load', modelOptions('read'), async (request) => {
    await read(request, loadModelBody);
    await door.findModel(request, request.params);
    return {};
  });
  app.post('/v2/repository/models/:cell/unload', modelOptions('read'), async (request) => {
    await read(request, unloadModelBody);
    await services.of(request).cells.unload(request.params.cell);
    return {};
  });
}
