import { useSignal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import type { ApiProblem } from '../api/problem.ts';
import type { Tensor } from '../api/types.ts';
import { useApp } from '../frame/context.ts';
import { isOwn, ownRows } from '../model/foreign.ts';
import { type Layer, layerWeights } from '../model/layers.ts';
import type { Moment } from '../model/moment.ts';
import { rows } from '../numbers/numbers.ts';
import { Diagram } from './diagram.tsx';
import { Formula } from './formula.tsx';
import { layerStep } from './layer-step.ts';
import { Variable } from './variable.tsx';

interface CellViewProps {
  readonly layers: readonly Layer[];
  readonly weights: Readonly<Record<string, Tensor>>;
  readonly moment: Moment | undefined;
  readonly moving: boolean;
  readonly onEdit?: (name: string, values: number[][], done: boolean) => void;
  readonly problem?: ApiProblem;
  /** What stands above the weights. */
  readonly tools?: ComponentChildren;
}

/** One layer of a cell at a time: its diagram, its formula with numbers, its weights. */
export function CellView({ layers, weights, moment, moving, onEdit, problem, tools }: CellViewProps) {
  const { t } = useApp();
  const shownLayer = useSignal(0);
  const shownUnit = useSignal(0);
  const index = Math.min(shownLayer.value, layers.length - 1);
  const layer = layers[index];
  if (!layer) return <Variables weights={weights} />;
  const unit = Math.min(shownUnit.value, layer.units - 1);
  const step = moment && layerStep(layers, index, moment);
  const own = Object.entries(weights).filter(([name]) => isOwn(layer, name));
  const turn = (by: number) => {
    shownUnit.value = (unit + by + layer.units) % layer.units;
  };
  return (
    <div class="cell-view">
      <div class="bar">
        {layers.length > 1 && (
          <div class="tabs" role="group" aria-label={t('cell.layers')}>
            {layers.map((item, i) => (
              <button
                key={item.prefix}
                type="button"
                aria-pressed={i === index}
                onClick={() => {
                  shownLayer.value = i;
                }}
              >
                {t('cell.layer', {
                  number: i + 1,
                  kind: item.kind === 'other' ? item.className : t(`kind.${item.kind}`),
                })}
              </button>
            ))}
          </div>
        )}
        <div class="turner" role="group" aria-label={t('cell.unit.choose')}>
          <button
            type="button"
            aria-label={t('cell.unit.former')}
            onClick={() => turn(-1)}
            disabled={layer.units === 1}
          >
            ‹
          </button>
          <span>{t('cell.unit', { number: unit + 1, count: layer.units })}</span>
          <button type="button" aria-label={t('cell.unit.next')} onClick={() => turn(1)} disabled={layer.units === 1}>
            ›
          </button>
        </div>
      </div>
      <Diagram
        layer={layer}
        step={step}
        unit={unit}
        moving={moving}
        onUnit={(chosen) => {
          shownUnit.value = chosen;
        }}
      />
      <Formula layer={layer} unit={unit} weights={layerWeights(layer, weights)} step={step} />
      {tools}
      <div class="variables">
        {own.map(([name, value]) => (
          <Variable
            key={name}
            name={name}
            values={ownRows(layer, value)}
            layer={layer}
            unit={unit}
            problem={problem}
            onEdit={onEdit && ((values, done) => onEdit(name, values, done))}
          />
        ))}
      </div>
    </div>
  );
}

function Variables({ weights }: Pick<CellViewProps, 'weights'>) {
  return (
    <div class="variables">
      {Object.entries(weights).map(([name, value]) => (
        <Variable key={name} name={name} values={rows(value)} unit={0} />
      ))}
    </div>
  );
}
