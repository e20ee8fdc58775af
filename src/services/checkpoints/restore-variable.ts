import type { NamedShape } from '../../domain/files.ts';
import { type SavedVariable, tensorName } from '../../domain/snapshot.ts';
import { variableKey } from '../keys.ts';
import { encodeVariable, findVariable, type StoredVariable } from '../variables/stand-alone-variables.ts';
import { requireFit } from './restore-fit.ts';
import { type Plan, type Restoring, requireCreating, savedShape } from './restore-plan.ts';

/** @throws {Problem} checkpoint-mismatch */
export async function planVariable(restoring: Restoring, saved: SavedVariable): Promise<Plan> {
  const { store, clock } = restoring.context;
  const shape = savedShape(restoring, tensorName.variable(saved.id));
  const current = await findVariable(store, saved.id);
  if (!current) requireCreating(restoring, 'variable', saved.id);
  else requireVariableFit(current, shape);
  return {
    creates: !current,
    decide: async () => {
      const now = clock();
      const found = await findVariable(store, saved.id);
      if (found) requireVariableFit(found, shape);
      const first = { format: 1, id: saved.id, trainable: saved.trainable, version: 0, created_at: now } as const;
      const before = found?.record ?? first;
      const record = { ...before, version: before.version + 1, updated_at: now };
      const bytes = encodeVariable(record, await restoring.snapshot.read(shape.name));
      return { writes: [{ key: variableKey(saved.id), expect: found?.revision ?? null, bytes }], result: record };
    },
  };
}

function requireVariableFit({ record, value: current }: StoredVariable, value: NamedShape): void {
  requireFit(`Variable '${record.id}'`, [{ name: 'value', shape: current.shape, dtype: current.dtype }], { value });
}
