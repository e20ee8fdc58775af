import fc from 'fast-check';
import { difference, type Sent } from './numbers.ts';
import type { Peers, Suite } from './suite.ts';

interface InitializerCase {
  readonly class_name: string;
  readonly config: Readonly<Record<string, unknown>>;
  readonly shape: readonly number[];
  readonly dtype: 'float32' | 'float64';
}

const seed = fc.integer({ min: 0, max: 2 ** 31 - 1 });
const plain = ['GlorotUniform', 'GlorotNormal', 'HeUniform', 'HeNormal', 'LecunUniform', 'LecunNormal'];
const value = fc.integer({ min: -300, max: 300 }).map((whole) => whole / 100);

const specs: fc.Arbitrary<Pick<InitializerCase, 'class_name' | 'config'>> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ class_name: fc.constantFrom(...plain), config: fc.record({ seed }) }) },
  fc.record({ class_name: fc.constant('RandomUniform'), config: fc.record({ minval: value, maxval: value, seed }) }),
  fc.record({
    class_name: fc.constantFrom('RandomNormal', 'TruncatedNormal'),
    config: fc.record({ mean: value, stddev: value.map(Math.abs), seed }),
  }),
  fc.record({
    class_name: fc.constant('VarianceScaling'),
    config: fc.record({
      scale: value.map((one) => Math.abs(one) + 0.01),
      mode: fc.constantFrom('fan_in', 'fan_out', 'fan_avg'),
      distribution: fc.constantFrom('truncated_normal', 'untruncated_normal', 'uniform'),
      seed,
    }),
  }),
  fc.record({ class_name: fc.constant('Orthogonal'), config: fc.record({ gain: value, seed }) }),
);
const extent = fc.oneof(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 10, max: 120 }));

const cases: fc.Arbitrary<InitializerCase> = fc
  .tuple(specs, fc.array(extent, { minLength: 2, maxLength: 3 }), fc.constantFrom('float32', 'float64'))
  .filter(([, shape]) => shape.reduce((size, each) => size * each, 1) <= 60_000)
  .map(([spec, shape, dtype]) => ({ ...spec, shape, dtype }));

/** Bit for bit, but for what docs/accuracy.md says of Orthogonal, and of normal numbers in float64. */
function boundOf({ class_name, config, dtype }: InitializerCase): number {
  if (class_name === 'Orthogonal') return 1e-5 * Math.max(1, Math.abs(Number(config.gain)));
  const normal = /Normal/.test(class_name) || /normal/.test(String(config.distribution));
  return dtype === 'float64' && normal ? 4e-15 : 0;
}

async function check(one: InitializerCase, { service, keras }: Peers): Promise<void> {
  const { class_name, config, shape, dtype } = one;
  await service.send('DELETE', '/variables/drawn').catch(() => undefined);
  const initializer = { class_name, config };
  const { value: got } = await service.json<{ value: Sent }>('POST', '/variables', {
    ...{ id: 'drawn', shape, dtype, initializer, tensor_format: 'base64' },
  });
  const wanted = await keras.ask<Sent[]>({ kind: 'initializer', ...one });
  const problem = difference([got], wanted, boundOf(one));
  if (problem) throw new Error(problem);
}

export const initializers: Suite<InitializerCase> = { arbitrary: cases, check };
