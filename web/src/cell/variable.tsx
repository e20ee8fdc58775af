import { useSignal } from '@preact/signals';
import type { ApiProblem } from '../api/problem.ts';
import { useApp } from '../frame/context.ts';
import { blocksOf } from '../model/foreign.ts';
import { GATES, type Layer } from '../model/layers.ts';
import { typed } from '../numbers/numbers.ts';
import { Field } from '../ui/field.tsx';
import { Heatmap, type Spot } from '../ui/heatmap.tsx';

interface VariableProps {
  readonly name: string;
  readonly values: readonly (readonly number[])[];
  readonly layer?: Layer;
  readonly unit: number;
  /** Not given: it is only shown. */
  readonly onEdit?: (values: number[][], done: boolean) => void;
  readonly problem?: ApiProblem;
}

/** A variable as a heatmap, with a field for the number that is chosen. The unit that is looked at is framed. */
export function Variable({ name, values, layer, unit, onEdit, problem }: VariableProps) {
  const { t } = useApp();
  const selected = useSignal<Spot>({ row: 0, column: 0 });
  const spot = {
    row: Math.min(selected.value.row, values.length - 1),
    column: Math.min(selected.value.column, (values[0]?.length ?? 1) - 1),
  };
  const wrong = useSignal(false);
  const edit = ({ row, column }: Spot, value: number, done: boolean) =>
    onEdit?.(
      values.map((line, r) => (r === row ? line.map((old, c) => (c === column ? value : old)) : [...line])),
      done,
    );
  const names = namesOf(name, layer);
  return (
    <section class="variable">
      <h3>
        <code>{name}</code>{' '}
        <small>
          {values.length} × {values[0]?.length ?? 0}
        </small>
      </h3>
      <Heatmap
        label={name}
        values={values}
        rowName={names.row}
        columnName={names.column}
        selected={spot}
        onSelect={(chosen) => {
          selected.value = chosen;
        }}
        onDrag={onEdit && edit}
        marked={markedBy(name, layer, unit)}
        quiet={onEdit !== undefined}
      />
      {onEdit && (
        <Field
          label={t('variable.value', { row: names.row(spot.row), column: names.column(spot.column) })}
          problem={problem}
          pointer={`/weights/${name}`}
        >
          {(attributes) => (
            <>
              <input
                {...attributes}
                aria-invalid={attributes['aria-invalid'] || wrong.value}
                class="number"
                key={`${spot.row} ${spot.column} ${values[spot.row]?.[spot.column]}`}
                defaultValue={String(values[spot.row]?.[spot.column])}
                autocomplete="off"
                onChange={(event) => {
                  const value = typed(event.currentTarget.value);
                  wrong.value = value === undefined;
                  if (value !== undefined) edit(spot, value, true);
                }}
              />
              {wrong.value && <p class="error">{t('variable.wrong')}</p>}
            </>
          )}
        </Field>
      )}
    </section>
  );
}

function namesOf(name: string, layer: Layer | undefined) {
  if (layer?.source) return foreignNames(name, layer);
  const gates = layer ? GATES[layer.kind] : [];
  const column = (j: number) =>
    layer ? `${gates[Math.floor(j / layer.units)] ?? ''}${(j % layer.units) + 1}` : String(j + 1);
  const row = (i: number) => {
    if (name.endsWith('recurrent_kernel')) return `h${i + 1}`;
    if (name.endsWith('kernel')) return `x${i + 1}`;
    if (name.endsWith('bias')) return i === 0 ? 'b' : 'b′';
    return String(i + 1);
  };
  return { row, column };
}

/** PyTorch's and ONNX' weights have a row for each gate of each unit; their biases are one row. */
const WEIGHTS = /^(weight_ih|weight_hh|W$|R$)/;

function foreignNames(name: string, layer: Layer) {
  const blocks = blocksOf(layer);
  const gate = (i: number) => `${blocks[Math.floor(i / layer.units) % blocks.length]}${(i % layer.units) + 1}`;
  if (name.startsWith('weight_hr')) return { row: (i: number) => `h′${i + 1}`, column: (j: number) => String(j + 1) };
  if (!WEIGHTS.test(name)) return { row: () => name, column: gate };
  const from = /^(weight_hh|R$)/.test(name) ? 'h' : 'x';
  return { row: gate, column: (j: number) => `${from}${j + 1}` };
}

/** The columns that make the unit, and the row by which it acts on all. */
function markedBy(name: string, layer: Layer | undefined, unit: number) {
  if (!layer) return undefined;
  if (layer.source) {
    const places = blocksOf(layer).map((_, block) => block * layer.units + unit);
    if (name.startsWith('weight_hr')) return { rows: [unit], columns: [] };
    // ONNX has both biases one after the other.
    const half = name === 'B' ? blocksOf(layer).length * layer.units : 0;
    const second = half > 0 ? places.map((place) => place + half) : [];
    if (!WEIGHTS.test(name)) return { rows: [], columns: [...places, ...second] };
    return { rows: places, columns: /^(weight_hh|R$)/.test(name) ? [unit] : [] };
  }
  const columns = GATES[layer.kind].map((_, gate) => gate * layer.units + unit);
  return { columns, rows: name.endsWith('recurrent_kernel') ? [unit] : [] };
}
