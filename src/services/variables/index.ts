import type { Tensor } from '../../domain/tensor.ts';
import type { TensorInput } from '../../domain/tensor-literal.ts';
import { assign, scatterUpdate } from '../../domain/updates.ts';
import { copied } from '../../threads/in-turns.ts';
import type { Change } from '../changes/change.ts';
import { listPage, type PageRequest } from '../changes/listing.ts';
import { resolveTensor } from '../compute/resolve-tensor.ts';
import type { Context } from '../context.ts';
import { cellKey, thingsPrefix, variableKey } from '../keys.ts';
import { variableSlices } from './stand-alone-variables.ts';
import {
  changeVariable,
  createVariable,
  deleteVariable,
  type NewVariable,
  readVariable,
  type Variable,
  type VariableAddress,
} from './variables.ts';

/** How a variable changes. */
export type VariableUpdate =
  | { readonly kind: 'assign' | 'assign_add' | 'assign_sub'; readonly value: TensorInput }
  | {
      readonly kind: 'scatter_update';
      readonly indices: readonly (readonly number[])[];
      readonly updates: TensorInput;
    };

/** The use cases of variables, stand-alone or of a cell. */
export function variableServices(context: Context) {
  const { store, changer, inTurn } = context;
  return {
    create: <R>(input: NewVariable, id: string | undefined, change: Change<Variable, R>) =>
      changer.create('variable', id, change, (chosen) => createVariable(context, chosen, input)),
    list: (page: PageRequest) =>
      inTurn(() =>
        listPage(store, thingsPrefix('variable'), page, function* (bytes) {
          context.caller().hold(bytes.length);
          const { record, value } = yield* variableSlices(bytes);
          return { ...record, value };
        }),
      ),
    read: (at: VariableAddress) => readVariable(context, at),
    update: <R>(at: VariableAddress, update: VariableUpdate, change: Change<Variable, R>) =>
      changer.change(ownerOf(at), change, () =>
        changeVariable(context, at, change.expected, (current) => updated(context, current, update)),
      ),
    delete: <R>(id: string, change: Change<undefined, R>) =>
      changer.change(variableKey(id), change, () => deleteVariable(context, id, change.expected)),
  };
}

function ownerOf(at: VariableAddress): string {
  return 'cell' in at ? cellKey(at.cell) : variableKey(at.variable);
}

async function updated(
  context: Pick<Context, 'store' | 'limits' | 'ops'>,
  current: Tensor,
  update: VariableUpdate,
): Promise<Tensor> {
  const read = (input: TensorInput, pointer: string) => resolveTensor(context, input, current.dtype, pointer);
  if (update.kind === 'scatter_update') {
    const updates = await read(update.updates, '/updates');
    return scatterUpdate(current, update.indices, updates, await copied(current.data));
  }
  const value = await read(update.value, '/value');
  return update.kind === 'assign' ? assign(current, value) : context.ops.combine(update.kind, current, value);
}
