import { type AppContext, useApp } from './frame/context.ts';
import { InspectView } from './inspect/inspect-view.tsx';
import { LearnView } from './learn/learn-view.tsx';
import { Learner } from './learn/learner.ts';
import { PlayView } from './play/play-view.tsx';
import { Player } from './play/player.ts';
import { Tour } from './tour/tour.ts';
import { TourView } from './tour/tour-view.tsx';

/** What goes on while another view is shown. */
export interface ViewState {
  readonly player: Player;
  readonly learner: Learner;
  readonly tour: Tour;
}

/** A tab's storage has some five million characters. */
const KEPT_CHARACTERS = 1_500_000;

export function createViews({ api, saved, calls }: AppContext): ViewState {
  const player = new Player(api);
  const learner = new Learner(api, saved);
  const tour = new Tour(api, calls);
  addEventListener('pagehide', () => {
    if (player.own.cell.value) saved.write('play', player.snapshot(KEPT_CHARACTERS));
    player.forget();
    learner.forget();
    tour.forget();
  });
  // Back from the browser's cache the cells are gone.
  addEventListener('pageshow', ({ persisted }) => persisted && location.reload());
  return { player, learner, tour };
}

export function Views({ views }: { readonly views: ViewState }) {
  const { router } = useApp();
  const [view, ...rest] = router.place.value.path;
  if (view === 'learn') return <LearnView learner={views.learner} />;
  if (view === 'inspect') return <InspectView path={rest} />;
  if (view === 'tour') return <TourView tour={views.tour} path={rest} />;
  return <PlayView player={views.player} />;
}
