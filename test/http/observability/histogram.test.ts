import fc from 'fast-check';
import { Histogram, Registry } from 'prom-client';
import { expect, it } from 'vitest';
import { CountingHistogram } from '../../../src/http/observability/histogram.ts';
import { metricsText } from '../../../src/http/observability/metrics-text.ts';

const config = (labelNames: string[]) => ({
  name: 'cellstep_test_seconds',
  help: 'For a test.',
  labelNames,
  buckets: [0.001, 0.5, 1, 30],
});

async function pageOf(registry: Registry): Promise<string> {
  registry.setDefaultLabels({ worker: '1' });
  return metricsText([await registry.getMetricsAsJSON()], 'prometheus');
}

it('writes what the histogram of prom-client writes', async () => {
  const seconds = fc.oneof(fc.constantFrom(0, 0.001, 0.5, 30, 31), fc.double({ min: 0, max: 40, noNaN: true }));
  const observation = fc.tuple(fc.constantFrom('GET', 'POST'), fc.constantFrom(200, 404), seconds);
  await fc.assert(
    fc.asyncProperty(fc.array(observation), async (observations) => {
      const [own, its] = [new Registry(), new Registry()];
      const counting = new CountingHistogram({ ...config(['method', 'status']), registers: [own] });
      const histogram = new Histogram({ ...config(['method', 'status']), registers: [its] });
      for (const [method, status, value] of observations) {
        counting.of(method, status).observe(value);
        histogram.observe({ method, status }, value);
      }
      expect(await pageOf(own)).toBe(await pageOf(its));
    }),
    { numRuns: 100 },
  );
});

it('shows zeros before the first observation where it has no labels', async () => {
  const [own, its] = [new Registry(), new Registry()];
  const counting = new CountingHistogram({ ...config([]), registers: [own] });
  const histogram = new Histogram({ ...config([]), registers: [its] });
  expect(await pageOf(own)).toBe(await pageOf(its));
  counting.of().observe(0.7);
  histogram.observe(0.7);
  expect(await pageOf(own)).toBe(await pageOf(its));
});
