import { useApp } from '../frame/context.ts';
import { equation, type LayerStep } from '../model/equation.ts';
import type { Layer, LayerWeights } from '../model/layers.ts';
import { show } from '../numbers/numbers.ts';

interface FormulaProps {
  readonly layer: Layer;
  readonly unit: number;
  readonly weights: LayerWeights | undefined;
  readonly step: LayerStep | undefined;
}

/** The formula of a unit, for the options of its layer, and the same with the numbers of the step. */
export function Formula({ layer, unit, weights, step }: FormulaProps) {
  const { t } = useApp();
  return (
    <dl class="formula" aria-label={t('formula.label', { unit: unit + 1 })}>
      {equation(layer, unit, weights, step).map((line) => (
        <div key={line.name}>
          <dt>
            <var>{line.name}</var> = {line.letters}
          </dt>
          {line.numbers !== undefined && line.result !== undefined && (
            <dd>
              {line.numbers} = <strong>{show(line.result, 4)}</strong>
            </dd>
          )}
        </div>
      ))}
    </dl>
  );
}
