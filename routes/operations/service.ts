import type { Operation } from '../../src/http/openapi/operation.ts';

const tags = ['Service'] as const;

export const SERVICE_OPERATIONS = {
  readHealth: {
    tags,
    access: 'open',
    summary: 'Is the process alive?',
    description: 'Answers as long as the process serves requests. For liveness probes.',
    examples: { alive: { summary: 'Alive', reply: { status: 'ok' } } },
  },

  readReadiness: {
    tags,
    access: 'open',
    summary: 'Can it serve?',
    description:
      'Answers 200 while the store answers, and 503 if it does not or while the service shuts down. For readiness probes.',
    examples: { ready: { summary: 'Ready', reply: { status: 'ok' } } },
    problems: ['store-unavailable', 'shutting-down'],
  },

  readMetrics: {
    tags,
    access: 'admin',
    summary: 'Read the metrics',
    description:
      'For Prometheus: durations of requests, steps and commits, sizes of batches, threads, and the process itself. They cover all processes of the service; the label `worker` has the number of the process. No label contains an id. With `Accept: application/openmetrics-text` the page has the format OpenMetrics, whose histograms have exemplars: ids of traces.',
    examples: { metrics: { summary: 'All metrics' } },
  },

  readUsage: {
    tags,
    access: 'read',
    summary: 'Read what your tenant uses',
    description:
      'What the tenant of the caller uses, and its quotas; `quota` is null if there is none. Without keys every caller belongs to the tenant `default`. Cells, sessions, variables and bytes are counted in the commit that changes them. A session that expired counts until it is removed, a day later. Bytes count keys and values, without the overhead of the store. Requests and work count the last full second; the unit of work is a multiply-add of the weights. A connection counts from its first request to its end.',
    examples: {
      usage: { summary: 'Your usage and quotas' },
    },
  },

  readProblem: {
    tags,
    access: 'open',
    summary: 'Read about a problem',
    description: 'An HTML page about the problem that the `type` of a problem document names.',
    examples: { problem: { summary: 'session-expired' } },
  },

  readOpenApiJson: {
    tags,
    access: 'open',
    summary: 'Read this document as JSON',
    description: 'The OpenAPI 3.1 description of this service.',
    examples: { document: { summary: 'This document' } },
  },

  readAsyncApi: {
    tags,
    access: 'open',
    summary: 'Read the description of the WebSocket',
    description: 'The AsyncAPI 3 description of the messages of GET /v1/stream.',
    examples: { document: { summary: 'The messages' } },
  },

  readOpenApiYaml: {
    tags,
    access: 'open',
    summary: 'Read this document as YAML',
    description: 'The OpenAPI 3.1 description of this service.',
    examples: { document: { summary: 'This document' } },
  },
} satisfies Record<string, Operation>;
