import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  allCanRun,
  kerasCases,
  measureCellstep,
  pytorchCases,
  readFixture,
  recorded,
  type UlpCase,
} from '../../scripts/ulp-cases.ts';
import { ulpDocument, ulpTables } from '../../scripts/ulp-document.ts';
import { float32Ulp, ulpErrors, ulpStatistics } from '../../scripts/ulp-statistics.ts';

const STANDARD: readonly unknown[] = ['linear', 'relu', 'tanh', 'sigmoid'];

/** Whether float64 arithmetic leaves no doubt about the last place: sums, products, tanh and sigmoid. */
function isStandard({ framework, config }: UlpCase): boolean {
  if (framework === 'pytorch') return true;
  const { activation, recurrent_activation: recurrent = 'sigmoid' } = config;
  return STANDARD.includes(activation) && STANDARD.includes(recurrent);
}

describe('ulps', () => {
  it('are the distance of float32 neighbours', () => {
    expect(float32Ulp(1)).toBe(2 ** -23);
    expect(float32Ulp(-1.5)).toBe(2 ** -23);
    expect(float32Ulp(1 - 2 ** -53)).toBe(2 ** -24);
    expect(float32Ulp(0)).toBe(2 ** -149);
    expect(float32Ulp(2 ** -126)).toBe(2 ** -149);
  });

  it('are counted from the exact value, and summed up as NumPy does', () => {
    const measured = { values: [1, 2 + 2 ** -22, 0.01], exact: [1, 2, 0.01] };
    expect(ulpErrors(measured)).toEqual([0, 1, 0]);
    expect(ulpStatistics([measured])).toEqual({
      cases: 1,
      values: 3,
      mean_ulp: 1 / 3,
      median_ulp: 0,
      p99_ulp: 0.98,
      max_ulp: 1,
      mean_ulp_where_at_least_1_16: 0.5,
      max_ulp_where_at_least_1_16: 1,
      max_abs: 2 ** -22,
      share_correctly_rounded: 2 / 3,
    });
  });

  it('of Keras come out as they were reported with the cases', () => {
    const { cases } = readFixture<{ cases: { name: string; keras_vs_float64: { max_ulp: number } }[] }>(
      'keras_cells.json',
    );
    for (const one of kerasCases()) {
      const reported = cases.find(({ name }) => name === one.name);
      expect(Math.max(...ulpErrors(recorded(one))), one.name).toBeCloseTo(reported?.keras_vs_float64.max_ulp ?? -1, 9);
    }
  });
});

describe('a step in float32', () => {
  it('is correctly rounded in every value when asked to be exact', async () => {
    const standard = [...kerasCases(), ...pytorchCases()].filter(isStandard);
    expect(standard.length).toBeGreaterThan(55);
    const figures = ulpStatistics(await measureCellstep(standard, 'exact'));
    expect(figures.share_correctly_rounded).toBe(1);
    expect(figures.max_ulp).toBeLessThanOrEqual(0.5);
  });

  it.each(['exact', 'fast'] as const)(
    'is closer than that of Keras in the mean, over the same cells, if %s',
    async (precision) => {
      const cases = kerasCases().filter(allCanRun);
      const [own, keras] = [ulpStatistics(await measureCellstep(cases, precision)), ulpStatistics(cases.map(recorded))];
      expect(own.values).toBe(keras.values);
      expect(own.mean_ulp).toBeLessThan(keras.mean_ulp);
    },
  );

  it('is as close in the mean, if fast, as the best of Keras, PyTorch and ONNX Runtime', async () => {
    const { table } = readFixture<{ table: { scope: string; cell: string; mean_ulp: number }[] }>('ulp_report.json');
    const means = table
      .filter(({ scope, cell }) => scope === 'cases all three can run' && cell === 'all cells')
      .map(({ mean_ulp: mean }) => mean);
    const cases = [...kerasCases(), ...pytorchCases()].filter(allCanRun);
    const own = ulpStatistics(await measureCellstep(cases, 'fast'));
    expect(means).toHaveLength(3);
    expect(own.mean_ulp).toBeLessThanOrEqual(Math.min(...means));
  });

  it('is as docs/accuracy.md says', async () => {
    const page = readFileSync(new URL('../../docs/accuracy.md', import.meta.url), 'utf8');
    expect(page).toBe(ulpDocument(await ulpTables()));
  });
});
