import { type SavedVariable, tensorName } from '../../domain/snapshot.ts';
import type { Tensor } from '../../domain/tensor.ts';
import { variableKey } from '../keys.ts';
import { encodeVariable, findVariable, type StoredVariable } from '../variables/stand-alone-variables.ts';
import { requireFit } from './restore-fit.ts';
import { type Plan, type Restoring, requireCreating, savedTensor } from './restore-plan.ts';

/** @throws {Problem} checkpoint-mismatch */
export async function planVariable(restoring: Restoring, saved: SavedVariable): Promise<Plan> {
  const { store, clock } = restoring.context;
  const value = savedTensor(restoring, tensorName.variable(saved.id));
  const current = await findVariable(store, saved.id);
  if (!current) requireCreating(restoring, 'variable', saved.id);
  else requireVariableFit(current, value);
  return {
    creates: !current,
    decide: async () => {
      const now = clock();
      const found = await findVariable(store, saved.id);
      if (found) requireVariableFit(found, value);
      const first = { format: 1, id: saved.id, trainable: saved.trainable, version: 0, created_at: now } as const;
      const before = found?.record ?? first;
      const record = { ...before, version: before.version + 1, updated_at: now };
      const bytes = encodeVariable(record, value);
      return { writes: [{ key: variableKey(saved.id), expect: found?.revision ?? null, bytes }], result: record };
    },
  };
}

function requireVariableFit({ record, value: current }: StoredVariable, value: Tensor): void {
  requireFit(`Variable '${record.id}'`, [{ name: 'value', shape: current.shape, dtype: current.dtype }], { value });
}
