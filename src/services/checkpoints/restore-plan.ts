import type { SnapshotCodec } from '../../domain/files.ts';
import { Problem } from '../../domain/problems.ts';
import type { Snapshot } from '../../domain/snapshot.ts';
import type { Tensor } from '../../domain/tensor.ts';
import type { Decide } from '../changes/decision.ts';
import type { Context } from '../context.ts';

export type RestoreContext = Context & { readonly checkpointCodec: SnapshotCodec };

/** A checkpoint that is put back, and what there is now. */
export interface Restoring {
  readonly context: RestoreContext;
  readonly snapshot: Snapshot;
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
export function savedTensor({ snapshot }: Restoring, name: string): Tensor {
  const tensor = snapshot.tensors.get(name);
  if (!tensor) throw new Problem('checkpoint-mismatch', `The checkpoint has no tensor '${name}'.`);
  return tensor;
}
