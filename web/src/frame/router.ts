import { type ReadonlySignal, signal } from '@preact/signals';
import { type Place, placeOf } from './place.ts';

export interface Router {
  readonly place: ReadonlySignal<Place>;
  /** Goes somewhere, as a link does. */
  readonly go: (hash: string) => void;
  /** Notes in the address what is shown now, without a step in the browser's history. */
  readonly note: (hash: string) => void;
}

/** Follows the address of a window. */
export function createRouter(window: Window): Router {
  const place = signal(placeOf(window.location.hash));
  window.addEventListener('hashchange', () => {
    place.value = placeOf(window.location.hash);
  });
  return {
    place,
    go: (hash) => {
      window.location.hash = hash;
    },
    note: (hash) => {
      if (hash === window.location.hash) return;
      window.history.replaceState(null, '', hash);
      place.value = placeOf(hash);
    },
  };
}
