import { useEffect } from 'preact/hooks';
import type { Attempt } from '../ui/use-attempt.ts';
import type { Player } from './player.ts';

/** Space plays and pauses, the right arrow takes a step, Ctrl+Z takes a weight back; where no field has the focus. */
export function useKeys(player: Player, run: Attempt['run']): void {
  useEffect(() => {
    const press = (event: KeyboardEvent) => {
      if (event.altKey) return;
      const undoing = (event.ctrlKey || event.metaKey) && event.key.toLowerCase() === 'z';
      if (
        event.target instanceof HTMLElement &&
        event.target.closest('input, select, textarea, button, a, canvas, summary, dialog, [tabindex]')
      )
        return;
      if (undoing) run(() => (event.shiftKey ? player.redo() : player.undo()));
      else if (event.key === ' ') player.playing.value ? player.pause() : player.play();
      else if (event.key === 'ArrowRight') run(() => player.advance(1));
      else return;
      event.preventDefault();
    };
    document.addEventListener('keydown', press);
    return () => document.removeEventListener('keydown', press);
  }, [player, run]);
}
