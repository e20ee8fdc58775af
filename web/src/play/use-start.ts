import { useEffect } from 'preact/hooks';
import { useApp } from '../frame/context.ts';
import { hashOf } from '../frame/place.ts';
import type { Attempt } from '../ui/use-attempt.ts';
import type { Player, PlayerSnapshot } from './player.ts';
import { FIRST_SPEC, specFrom, specQuery } from './spec.ts';

const NOTE_MILLISECONDS = 400;
/** What is shown at first where nothing may move. */
const STILL_STEPS = 40;

/**
 * Starts the play: with what the tab remembers, with what the address says, or with the first cell, which moves at once.
 * From then on the address says what is shown.
 */
export function useStart(player: Player, attempt: Attempt): void {
  const app = useApp();
  useEffect(() => {
    if (!player.own.cell.value)
      attempt.run(() => start(player, app.router.place.value.query, app.saved.read<PlayerSnapshot>('play')));
    const timer = setInterval(() => note(player, app.router), NOTE_MILLISECONDS);
    return () => {
      clearInterval(timer);
      player.pause();
    };
  }, []);
}

async function start(
  player: Player,
  query: Readonly<Record<string, string>>,
  kept: PlayerSnapshot | undefined,
): Promise<void> {
  const asked = query.kind !== undefined;
  const same = kept && (!asked || hashOf([], specQuery(kept.spec)) === hashOf([], specQuery(specFrom(query))));
  const step = Math.min(2000, Math.trunc(Number(query.step)) || 0);
  if (same) await player.restore(kept);
  else await player.make(asked ? specFrom(query) : FIRST_SPEC);
  if (!same && step > 0) await player.advance(step);
  if (step > 0 && step < player.count.value) player.at.value = step;
  const still = matchMedia('(prefers-reduced-motion: reduce)').matches;
  if (step > 0) return;
  if (!still) player.play();
  else if (player.count.value === 0) await player.advance(STILL_STEPS);
}

/** A step that plays on is not noted: the address would change at each. */
function note(player: Player, router: ReturnType<typeof useApp>['router']): void {
  if (!player.own.cell.value || router.place.value.path.length > 0) return;
  const step = player.playing.value ? undefined : (player.at.value ?? (player.count.value || undefined));
  router.note(hashOf([], { ...specQuery(player.spec.value), step }));
}
