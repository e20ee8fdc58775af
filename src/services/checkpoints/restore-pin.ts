import type { CellDefinition, Weights } from '../../domain/cell-definition.ts';
import { Problem } from '../../domain/problems.ts';
import { type SavedSession, tensorName } from '../../domain/snapshot.ts';
import { freshVariables } from '../cells/cell-record.ts';
import { countVersions, nameOfWeights, requirePinRoom } from '../cells/pin-version.ts';
import { versionKey } from '../keys.ts';
import type { FormerSession } from '../sessions/open-session.ts';
import { requireFit } from './restore-fit.ts';
import { type Restoring, readSaved, savedShape } from './restore-plan.ts';

/**
 * The version that a session which is to be made stays on.
 * @throws {Problem} checkpoint-mismatch, too-many-pinned-versions
 */
export async function planPin(
  restoring: Restoring,
  saved: SavedSession,
  definition: CellDefinition,
): Promise<FormerSession['pin']> {
  if (saved.pinned === undefined) return undefined;
  // A graph never changes: every version of it is the same.
  if (definition.graph)
    return { version: 1, input_shape: definition.fixedInputShape ?? [], variables: [], weights: {} };
  const { pinned } = restoring.snapshot.manifest;
  const pin = pinned?.find(({ cell, name }) => cell === saved.cell && name === saved.pinned);
  const what = `The version of cell '${saved.cell}' that session '${saved.id}' stays on`;
  if (!pin) throw new Problem('checkpoint-mismatch', `${what} was gone when it was saved.`);
  const { cell, name, version, input_shape, variables } = pin;
  const shapes = Object.fromEntries(
    variables.map((one) => [one, savedShape(restoring, tensorName.pinned(cell, name, one))]),
  );
  const specs = definition.variables(input_shape.at(-1) ?? 0, variables);
  requireFit(what, specs, shapes);
  const weights = await readSaved(restoring, shapes);
  await requireRoomFor(restoring, cell, weights);
  return { version, input_shape, variables: freshVariables(specs), weights };
}

/** Counts all versions that the restore makes, so that it is refused as a whole. */
async function requireRoomFor({ context, newPins }: Restoring, cell: string, weights: Weights): Promise<void> {
  const made = newPins.get(cell) ?? new Set();
  const name = await nameOfWeights(weights);
  const found = await context.cells.find(cell);
  if (made.has(name) || (found && (await context.store.get(versionKey(found.record, name))))) return;
  newPins.set(cell, made.add(name));
  requirePinRoom(context, cell, (found ? await countVersions(context, found.record) : 0) + made.size);
}
