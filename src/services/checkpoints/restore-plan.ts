import type { NamedShape, SnapshotCodec, StoredSnapshot } from '../../domain/files.ts';
import { Problem } from '../../domain/problems.ts';
import type { Tensor } from '../../domain/tensor.ts';
import type { Decide } from '../changes/decision.ts';
import type { Context } from '../context.ts';

export type RestoreContext = Context & { readonly checkpointCodec: SnapshotCodec };

/** A checkpoint that is put back, and what there is now. */
export interface Restoring {
  readonly context: RestoreContext;
  readonly snapshot: StoredSnapshot;
  readonly createMissing: boolean;
  /** Names of the pinned versions that are to be made, by cell. */
  readonly newPins: Map<string, Set<string>>;
}

/** How to put back one thing of the checkpoint, which fits. */
export interface Plan {
  readonly creates: boolean;
  readonly decide: Decide<unknown>;
}

/** @throws {Problem} checkpoint-mismatch if a thing is missing and must not be made */
export function requireCreating({ createMissing }: Restoring, kind: string, id: string): void {
  if (createMissing) return;
  const detail = `There is no ${kind} '${id}' now. Send "create_missing": true to make it.`;
  throw new Problem('checkpoint-mismatch', detail);
}

/** @throws {Problem} checkpoint-mismatch if the checkpoint does not have it */
export function savedShape({ snapshot }: Restoring, name: string): NamedShape {
  const tensor = snapshot.shapes.get(name);
  if (!tensor) throw new Problem('checkpoint-mismatch', `The checkpoint has no tensor '${name}'.`);
  return tensor;
}

/** The values of such tensors, by the same keys. */
export async function readSaved(
  { snapshot }: Restoring,
  saved: Readonly<Record<string, NamedShape>>,
): Promise<Record<string, Tensor>> {
  const values: Record<string, Tensor> = {};
  for (const key in saved) values[key] = await snapshot.read(saved[key].name);
  return values;
}
