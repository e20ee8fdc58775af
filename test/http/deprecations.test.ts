import Fastify from 'fastify';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { tellDeprecations } from '../../src/http/deprecations.ts';
import { type DocumentedRoute, openApiDocument } from '../../src/http/openapi/document.ts';
import { atOnce } from '../../src/threads/in-turns.ts';

const deprecation = { since: '2027-01-31', sunset: '2027-07-31', link: 'https://cells.example/instead' };

describe('a deprecated operation', () => {
  const app = Fastify();
  tellDeprecations(app);
  app.get('/old', { schema: { deprecation } }, async () => 'old');
  app.get('/failing', { schema: { deprecation: { since: '2027-01-31' } } }, async () => {
    throw new Error('no');
  });
  app.get('/new', async () => 'new');

  it('says so in each reply, with its end and what to use instead', async () => {
    const { headers } = await app.inject('/old');
    expect(headers).toMatchObject({
      deprecation: '@1801353600',
      sunset: 'Sat, 31 Jul 2027 00:00:00 GMT',
      link: '<https://cells.example/instead>; rel="deprecation"; type="text/html"',
    });
    expect(new Date(1801353600_000).toISOString()).toBe('2027-01-31T00:00:00.000Z');
  });

  it('says so where it fails, without an end that is not known', async () => {
    const { statusCode, headers } = await app.inject('/failing');
    expect(statusCode).toBe(500);
    expect(headers.deprecation).toBe('@1801353600');
    expect([headers.sunset, headers.link]).toEqual([undefined, undefined]);
  });

  it('alone says so', async () => {
    expect((await app.inject('/new')).headers.deprecation).toBeUndefined();
  });

  it('is one in the description of the API, which says what to use', async () => {
    const words = {
      tags: ['Service'],
      summary: 'Old',
      description: 'An old way.',
      examples: {},
      access: 'open',
    } as const;
    const route = (url: string, more: object): DocumentedRoute => ({
      method: 'GET',
      url,
      schema: { ...words, operationId: url.slice(1), reply: { 200: z.object({}) }, ...more },
    });
    const routes = [route('/old', { deprecation }), route('/new', {})];
    const { paths } = atOnce(openApiDocument(routes)) as {
      paths: Record<string, { get: object }>;
    };
    expect(paths['/old'].get).toMatchObject({
      deprecated: true,
      description:
        'An old way.\n\nDeprecated since 2027-01-31. It may be gone after 2027-07-31. See https://cells.example/instead.',
    });
    expect(paths['/new'].get).not.toHaveProperty('deprecated');
  });
});
