import type { ApiProblem } from '../api/problem.ts';
import { useApp } from '../frame/context.ts';
import { Check, Choice, NumberField, Refusal } from '../ui/field.tsx';
import { ACTIVATIONS, type Spec } from './spec.ts';

interface OptionsProps {
  readonly spec: Spec;
  readonly onChange: (spec: Spec) => void;
  readonly problem?: ApiProblem;
}

const KINDS = ['simple', 'gru', 'lstm'] as const;
/** Where in the request the fields stand. */
const POINTERS = ['/config/units', '/config/activation', '/config/recurrent_activation', '/input_shape'];

/** The options of the cell. A change makes the cell anew. */
export function OptionsCard({ spec, onChange, problem }: OptionsProps) {
  const { t } = useApp();
  const set = (change: Partial<Spec>) => onChange({ ...spec, ...change });
  return (
    <form class="fields" onSubmit={(event) => event.preventDefault()}>
      <Choice
        label={t('option.kind')}
        value={spec.kind}
        options={KINDS}
        nameOf={(kind) => t(`kind.${kind}`)}
        onChange={(kind) => set({ kind })}
      />
      <NumberField
        label={t('option.units')}
        value={spec.units}
        min={1}
        max={128}
        onChange={(units) => set({ units })}
        problem={problem}
        pointer="/config/units"
      />
      <NumberField
        label={t('option.features')}
        value={spec.features}
        min={1}
        max={16}
        onChange={(features) => set({ features })}
        problem={problem}
        pointer="/input_shape"
      />
      <Choice
        label={t('option.layers')}
        value={String(spec.layers)}
        options={['1', '2', '3']}
        onChange={(layers) => set({ layers: Number(layers) })}
      />
      <Choice
        label={t('option.activation')}
        value={spec.activation}
        options={ACTIVATIONS}
        onChange={(activation) => set({ activation })}
        problem={problem}
        pointer="/config/activation"
      />
      {spec.kind !== 'simple' && (
        <Choice
          label={t('option.recurrent')}
          value={spec.recurrentActivation}
          options={ACTIVATIONS}
          onChange={(recurrentActivation) => set({ recurrentActivation })}
          problem={problem}
          pointer="/config/recurrent_activation"
        />
      )}
      <Check label={t('option.bias')} checked={spec.useBias} onChange={(useBias) => set({ useBias })} />
      {spec.kind === 'gru' && (
        <Check label={t('option.reset')} checked={spec.resetAfter} onChange={(resetAfter) => set({ resetAfter })} />
      )}
      <Refusal problem={problem} pointers={POINTERS} />
    </form>
  );
}
