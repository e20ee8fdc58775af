import { requireVersion } from '../../domain/conditions.ts';
import { type FieldError, Problem, type ProblemCode } from '../../domain/problems.ts';
import { decodeRecord, encodeRecord } from '../../domain/record.ts';
import type { Change } from '../changes/change.ts';
import type { OutcomeCodec } from '../changes/once.ts';
import { type Kind, thingKey } from '../keys.ts';
import { readCheckpoint } from './checkpoint-record.ts';
import { ContentReader } from './content.ts';
import { planCell } from './restore-cell.ts';
import type { Plan, RestoreContext, Restoring } from './restore-plan.ts';
import { planSession } from './restore-session.ts';
import { planVariable } from './restore-variable.ts';

type Kinds = 'cells' | 'variables' | 'sessions';
const KIND = { cells: 'cell', variables: 'variable', sessions: 'session' } as const satisfies Record<Kinds, Kind>;

export interface Restored {
  readonly checkpoint: string;
  readonly restored: Readonly<Record<Kinds, readonly string[]>>;
  readonly created: Readonly<Record<Kinds, readonly string[]>>;
}

/** The result for one thing. */
type How = 'created' | 'restored';

const HOW: OutcomeCodec<How> = {
  encode: (body) => encodeRecord({ fields: { body }, tensors: {} }),
  replay: (bytes) => decodeRecord<{ body: How }>(bytes).fields.body,
};

/**
 * Assigns back everything that a checkpoint holds. All of it is checked first, so that a name or a shape that does not fit
 * restores nothing. Then each thing is changed in a commit of its own (ADR 0006), once for each idempotency key, so the
 * request can be sent again after a crash.
 * @throws {Problem} not-found, version-mismatch, checkpoint-mismatch; conflict if another request came between
 */
export async function restoreCheckpoint(
  context: RestoreContext,
  id: string,
  { expected, once }: Pick<Change<Restored, unknown>, 'expected' | 'once'>,
  createMissing: boolean,
): Promise<Restored> {
  const { record } = await readCheckpoint(context, id);
  requireVersion(`Checkpoint '${id}'`, record.version, expected);
  const hold = (bytes: number) => context.caller().hold(bytes);
  hold(record.content?.each ?? record.bytes);
  const file = new ContentReader(context.store, record);
  const snapshot = await context.checkpointCodec.open(file, hold);
  // What is missing or damaged is known before anything is changed.
  await file.requireWhole();
  // Each thing keeps the key too: what an earlier attempt has put back may have been changed since. No client sends blanks.
  const onceEach = once && { ...once, idempotencyKey: `restore ${id} ${once.idempotencyKey}`, codec: HOW };
  const done: Record<How, Record<Kinds, string[]>> = {
    restored: { cells: [], variables: [], sessions: [] },
    created: { cells: [], variables: [], sessions: [] },
  };
  for (const { kind, id: thing, creates, decide } of await planAll({
    context,
    snapshot,
    createMissing,
    newPins: new Map(),
  })) {
    const answer = (): How => (creates ? 'created' : 'restored');
    const how = await context.apart(() =>
      context.changer.change(thingKey(KIND[kind], thing), { answer, once: onceEach }, () =>
        decide().catch(madeImpossible),
      ),
    );
    done[how][kind].push(thing);
  }
  return { checkpoint: id, ...done };
}

/**
 * All was possible when it was planned, so another request came between.
 * @throws {Problem} conflict, or the limit that the plan as a whole meets only now
 */
function madeImpossible(error: unknown): never {
  const limits: readonly ProblemCode[] = ['limit-exceeded', 'too-many-pinned-versions', 'too-many-keys'];
  if (!(error instanceof Problem) || !error.isRefusal || limits.includes(error.code)) throw error;
  const detail = `Something was changed while the checkpoint was being restored: ${error.message} Restore it again.`;
  throw new Problem('conflict', detail, { cause: error });
}

interface NamedPlan extends Plan {
  readonly kind: Kinds;
  readonly id: string;
}

/** @throws {Problem} checkpoint-mismatch with everything that does not fit. */
async function planAll(restoring: Restoring): Promise<NamedPlan[]> {
  const { cells, variables, sessions } = restoring.snapshot.manifest;
  const plans: NamedPlan[] = [];
  const errors: FieldError[] = [];
  async function add<Saved extends { readonly id: string }>(
    kind: Kinds,
    things: readonly Saved[],
    plan: (restoring: Restoring, saved: Saved) => Promise<Plan>,
  ): Promise<void> {
    for (const saved of things) {
      try {
        plans.push({ kind, id: saved.id, ...(await restoring.context.apart(() => plan(restoring, saved))) });
      } catch (error) {
        if (!(error instanceof Problem) || !error.isRefusal) throw error;
        errors.push({ pointer: `/${kind}/${saved.id}`, detail: error.message });
      }
    }
  }
  await add('cells', cells, planCell);
  await add('variables', variables, planVariable);
  await add('sessions', sessions, planSession);
  if (errors.length > 0) throw new Problem('checkpoint-mismatch', errors[0].detail, { errors });
  return plans;
}
