import type { CellDefinition } from '../../domain/cell-definition.ts';
import type { GateTrace } from '../../domain/ports.ts';
import { type FloatArray, Tensor } from '../../domain/tensor.ts';
import { swapTime } from './layout.ts';

/** One gate over a step [batch, units], or over a sequence in the framework's layout. */
export interface TracedGate {
  readonly before: Tensor;
  readonly after: Tensor;
}

export type Trace = Readonly<Record<string, TracedGate>>;

/** Gates by name; `lead` are the axes before the units: [batch], or [batch, time]. */
export function traceOf(
  { traceName = (name) => name }: Pick<CellDefinition, 'traceName'>,
  gates: readonly GateTrace[],
  lead: readonly number[],
  timeMajor = false,
): Trace {
  const named = gates.map(({ name, dtype, width, before, after, steps }) => {
    const own = steps === undefined ? lead : steps === null ? lead.slice(0, 1) : [lead[0], steps];
    const swap = timeMajor && own.length > 1;
    const tensor = (values: FloatArray) => swapTime(new Tensor(dtype, [...own, width], values), swap);
    return [traceName(name), { before: tensor(before), after: tensor(after) }] as const;
  });
  return Object.fromEntries(named);
}
