import { type SavedVariable, tensorName } from '../../domain/snapshot.ts';
import type { Decision } from '../changes/decision.ts';
import { variableKey } from '../keys.ts';
import { encodeVariable, findVariable } from '../variables/stand-alone-variables.ts';
import { requireFit } from './restore-fit.ts';
import { type Plan, type Restoring, requireCreating, savedTensor } from './restore-plan.ts';

/** @throws {Problem} checkpoint-mismatch */
export async function planVariable(restoring: Restoring, saved: SavedVariable): Promise<Plan> {
  const { store, clock } = restoring.context;
  const value = savedTensor(restoring, tensorName.variable(saved.id));
  const current = await findVariable(store, saved.id);
  if (!current) requireCreating(restoring, 'variable', saved.id);
  const decide = async (): Promise<Decision<unknown>> => {
    const now = clock();
    const found = await findVariable(store, saved.id);
    if (found) requireFit(`Variable '${saved.id}'`, [{ name: 'value', ...found.value }], { value });
    const first = { format: 1, id: saved.id, trainable: saved.trainable, version: 0, created_at: now } as const;
    const before = found?.record ?? first;
    const record = { ...before, version: before.version + 1, updated_at: now };
    const write = {
      key: variableKey(saved.id),
      expect: found?.revision ?? null,
      bytes: encodeVariable(record, value),
    };
    return { writes: [write], result: record };
  };
  await decide();
  return { creates: !current, decide };
}
