import { hash } from 'node:crypto';
import { z } from 'zod';
import { noQuery } from '../schemas/common.ts';
import { healthReply, metricsPage, problemPage, usageReply } from '../schemas/service.ts';
import { PROBLEMS, Problem, type ProblemCode } from '../src/domain/problems.ts';
import { METRICS_TYPES, type MetricsFormat, metricsFormatOf } from '../src/http/observability/metrics-text.ts';
import { ok, send } from '../src/http/replies/replies.ts';
import type { TenantServices } from '../src/services/tenants/index.ts';
import { presentUsage } from './present/usage.ts';
import { type App, describe } from './route.ts';

const params = z.strictObject({
  code: z
    .string()
    .max(100)
    .meta({ description: 'Code of a problem.', examples: ['session-expired'] }),
});

const STYLE = 'body{font:16px/1.5 system-ui;max-width:40em;margin:3em auto;padding:0 1em}';
/** The policy of the pages about problems: only their style, by its hash, and the empty icon. */
const PAGE_POLICY = `default-src 'none'; style-src '${hashOf(STYLE)}'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`;

export function serviceRoutes(
  app: App,
  { check, usageOf }: Pick<TenantServices, 'check' | 'usageOf'>,
  metrics: (format: MetricsFormat) => Promise<string>,
): void {
  let closing = false;
  app.addHook('preClose', async () => {
    closing = true;
  });

  app.get(
    '/healthz',
    { schema: describe('readHealth', { querystring: noQuery, reply: { 200: healthReply } }) },
    async (_request, reply) => send(reply, ok({ status: 'ok' })),
  );

  app.get(
    '/readyz',
    { schema: describe('readReadiness', { querystring: noQuery, reply: { 200: healthReply } }) },
    async (_request, reply) => {
      if (closing)
        throw new Problem('shutting-down', 'The service is shutting down; it ends the requests that it has.');
      await check().catch((cause) => {
        if (cause instanceof Problem && cause.status === 503) throw cause;
        const detail = cause instanceof Problem ? cause.message : 'The store does not answer.';
        throw new Problem('store-unavailable', detail, { cause });
      });
      return send(reply, ok({ status: 'ok' }));
    },
  );

  app.get(
    '/metrics',
    { schema: describe('readMetrics', { querystring: noQuery, reply: { 200: metricsPage } }) },
    async ({ headers }, reply) => {
      const format = metricsFormatOf(headers.accept);
      return reply.header('content-type', METRICS_TYPES[format]).send(await metrics(format));
    },
  );

  app.get(
    '/v1/usage',
    { schema: describe('readUsage', { querystring: noQuery, reply: { 200: usageReply } }) },
    async (request, reply) => send(reply, ok(presentUsage(await usageOf(request)))),
  );

  app.get(
    '/problems/:code',
    { schema: describe('readProblem', { params, querystring: noQuery, reply: { 200: problemPage } }) },
    async (request, reply) => {
      const { code } = request.params;
      if (!Object.hasOwn(PROBLEMS, code)) throw new Problem('not-found', `There is no problem '${code}'.`);
      const { status, title, help } = PROBLEMS[code as ProblemCode];
      return reply
        .headers({ 'content-type': 'text/html; charset=utf-8', 'content-security-policy': PAGE_POLICY })
        .send(`<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><link rel="icon" href="data:,"><title>${title}</title>
<style>${STYLE}</style></head>
<body><h1>${title}</h1><p><code>${code}</code>, status ${status}</p><p>${escapeHtml(help)}</p></body>
</html>
`);
    },
  );
}

function escapeHtml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}

/** The hash by which a Content-Security-Policy allows an inline style. */
function hashOf(text: string): string {
  return `sha256-${hash('sha256', text, 'base64')}`;
}
