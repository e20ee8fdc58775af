import { commitAll } from '../../domain/store-calls.ts';
import type { Ports } from '../ports.ts';
import type { DecideAll, OneOfMany } from './one-of-many.ts';
import { type LeftOver, OwnerChanges } from './owner-changes.ts';
import type { RunningKeys } from './running-keys.ts';

/**
 * Decides on changes of many owners together, in each list those of one. Commits those that are not refused, in one commit for
 * each owner, and settles them. Returns what is left of each list: nothing of it is committed. Never rejects.
 */
export async function decideTogether<R, I extends OneOfMany<R>>(
  context: Pick<Ports, 'store' | 'clock' | 'limits'>,
  running: RunningKeys,
  changes: readonly (readonly I[])[],
  decideAll: DecideAll<R, I>,
): Promise<readonly LeftOver<I>[]> {
  const owners = changes.map((own) => new OwnerChanges<R, I>(context, running, own));
  if (owners.some(({ hasKeys }) => hasKeys)) await Promise.all(owners.map((own) => own.checkKeys()));
  const asked = owners.filter(({ taken }) => taken.length > 0);
  const decisions = await decideEach(
    decideAll,
    asked.map(({ taken }) => taken),
  );
  const keyed: Promise<void>[] = [];
  for (let k = 0; k < asked.length; k++) {
    const own = asked[k];
    // Without keys nothing is waited for: promises would add much to a step.
    if (own.hasKeys) keyed.push(own.withKeys(decisions[k]).then((kept) => own.take(kept)));
    else own.take(decisions[k]);
  }
  await Promise.all(keyed);
  const committing = owners.filter(({ made }) => made.length > 0);
  const ends = await commitAll(
    context.store,
    committing.map((own) => own.writes()),
  );
  // A repetition that comes from now on finds what is kept.
  for (const own of owners) own.endKeys();
  for (let k = 0; k < committing.length; k++) committing[k].settle(ends[k]);
  return owners.map((own) => own.leftOver());
}

async function decideEach<R, I>(decideAll: DecideAll<R, I>, changes: readonly (readonly I[])[]) {
  try {
    return await decideAll(changes);
  } catch {
    return changes.map((own) => own.map(() => undefined));
  }
}
