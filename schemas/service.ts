import { z } from 'zod';
import { mapQuotas } from '../src/domain/quotas.ts';

export const healthReply = z.object({ status: z.literal('ok') }).meta({ id: 'Health' });

export const problemPage = z.string().meta({
  contentMediaType: 'text/html',
  description: 'An HTML page about the problem: what it means and what to do.',
});

export const openApiJson = z.looseObject({ openapi: z.string() }).describe('An OpenAPI 3.1 document.');

/** It has an example, because Swagger UI otherwise shows random bytes for an unknown media type and then cannot read them. */
export const openApiYaml = z.string().meta({
  contentMediaType: 'application/yaml',
  description: 'The same document as YAML.',
  examples: ['openapi: 3.1.1\ninfo:\n  title: cellstep\n'],
});

export const asyncApiYaml = z.string().meta({
  contentMediaType: 'application/yaml',
  description: 'An AsyncAPI 3 document.',
  examples: ['asyncapi: 3.0.0\ninfo:\n  title: cellstep streams\n'],
});

const used = z
  .object({
    used: z.number().min(0),
    quota: z.number().nullable().describe('The most that the tenant may use; null: no limit.'),
  })
  .meta({ id: 'UsedOf' });

export const usageReply = z
  .object({ tenant: z.string(), ...mapQuotas(() => used) })
  .meta({ id: 'Usage' })
  .describe('What a tenant uses, and its quotas.');

export const metricsPage = z
  .string()
  .meta({ contentMediaType: 'text/plain', description: 'Metrics in the text format of Prometheus, version 0.0.4.' });
