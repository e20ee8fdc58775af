import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import { changeHeaders, createHeaders, idOf, noQuery, page, readHeaders } from '../schemas/common.ts';
import type { TensorFormat } from '../schemas/tensor.ts';
import {
  assignBody,
  createVariableBody,
  listedVariable,
  listVariablesQuery,
  scatterBody,
  variableReply,
} from '../schemas/variable.ts';
import { changeOf } from '../src/http/changes.ts';
import { pageReply } from '../src/http/replies/page-reply.ts';
import { created, noContent, ok, send, sendRead, writerFor } from '../src/http/replies/replies.ts';
import type { TenantServices } from '../src/services/tenants/index.ts';
import type { Variable, VariableAddress } from '../src/services/variables/variables.ts';
import { presentVariable } from './present/cell.ts';
import { type App, deletion, describe } from './route.ts';

const standAlone = {
  url: '/v1/variables/:variable',
  params: z.strictObject({ variable: idOf('a stand-alone variable').meta({ examples: ['v'] }) }),
  names: {
    read: 'readVariable',
    put: 'putVariable',
    assign: 'assignVariable',
    assign_add: 'assignAddVariable',
    assign_sub: 'assignSubVariable',
    scatter_update: 'scatterUpdateVariable',
  },
} as const;
const ofCell = {
  url: '/v1/cells/:cell/variables/:name',
  params: z.strictObject({
    cell: idOf('a cell').meta({ examples: ['cell'] }),
    name: z
      .string()
      .min(1)
      .max(200)
      .meta({ description: 'Name of the variable, as its cell lists it.', examples: ['kernel'] }),
  }),
  names: {
    read: 'readCellVariable',
    put: 'putCellVariable',
    assign: 'assignCellVariable',
    assign_add: 'assignAddCellVariable',
    assign_sub: 'assignSubCellVariable',
    scatter_update: 'scatterUpdateCellVariable',
  },
} as const;

export function variableRoutes(app: App, services: TenantServices): void {
  app.post(
    '/v1/variables',
    {
      schema: describe('createVariable', {
        headers: createHeaders,
        querystring: noQuery,
        body: createVariableBody,
        reply: { 201: variableReply },
        tensors: true,
      }),
    },
    async (request, reply) => {
      const { id, tensor_format, ...input } = request.body;
      const writer = writerFor(request);
      const render = (made: Variable) =>
        created(`/v1/variables/${made.id}`, presentVariable(made, tensor_format), made.version, writer);
      return send(reply, await services.of(request).variables.create(input, id, changeOf(request, render)));
    },
  );

  app.get(
    '/v1/variables',
    { schema: describe('listVariables', { querystring: listVariablesQuery, reply: { 200: page(listedVariable) } }) },
    async (request, reply) => {
      const { values, ...asked } = request.query;
      const show = (item: Variable) => {
        const { value, ...rest } = presentVariable(item, 'nested');
        return values ? { ...rest, value } : rest;
      };
      return send(reply, await pageReply(request, await services.of(request).variables.list(asked), show));
    },
  );

  app.delete(
    '/v1/variables/:variable',
    {
      schema: describe('deleteVariable', deletion(standAlone.params)),
    },
    async (request, reply) =>
      send(reply, await services.of(request).variables.delete(request.params.variable, changeOf(request, noContent))),
  );

  valueRoutes(app, services, standAlone);
  valueRoutes(app, services, ofCell);
}

/** The sub-routes of all variables, stand-alone or of a cell. */
function valueRoutes(
  app: App,
  services: TenantServices,
  { url, params, names }: typeof standAlone | typeof ofCell,
): void {
  const shape = {
    params: params as z.ZodType<VariableAddress>,
    headers: changeHeaders,
    querystring: noQuery,
    reply: { 200: variableReply },
    tensors: true,
  } as const;
  const shown = (request: FastifyRequest, format: TensorFormat) => {
    const writer = writerFor(request);
    return (variable: Variable) => ok(presentVariable(variable, format), variable.version, writer);
  };

  app.get(url, { schema: describe(names.read, { ...shape, headers: readHeaders }) }, async (request, reply) => {
    reply.header('vary', 'Accept');
    const show = shown(request, 'nested');
    return sendRead(request, reply, show(await services.of(request).variables.read(request.params)));
  });

  app.put(url, { schema: describe(names.put, { ...shape, body: assignBody }) }, async (request, reply) => {
    const { value, tensor_format } = request.body;
    return send(
      reply,
      await services
        .of(request)
        .variables.update(request.params, { kind: 'assign', value }, changeOf(request, shown(request, tensor_format))),
    );
  });

  for (const kind of ['assign', 'assign_add', 'assign_sub'] as const) {
    app.post(
      `${url}/${kind}`,
      { schema: describe(names[kind], { ...shape, body: assignBody }) },
      async (request, reply) => {
        const { value, tensor_format } = request.body;
        return send(
          reply,
          await services
            .of(request)
            .variables.update(request.params, { kind, value }, changeOf(request, shown(request, tensor_format))),
        );
      },
    );
  }

  app.post(
    `${url}/scatter_update`,
    { schema: describe(names.scatter_update, { ...shape, body: scatterBody }) },
    async (request, reply) => {
      const { indices, updates, tensor_format } = request.body;
      const update = { kind: 'scatter_update', indices, updates } as const;
      return send(
        reply,
        await services
          .of(request)
          .variables.update(request.params, update, changeOf(request, shown(request, tensor_format))),
      );
    },
  );
}
