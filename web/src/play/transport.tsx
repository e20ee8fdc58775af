import { useApp } from '../frame/context.ts';
import { Choice } from '../ui/field.tsx';
import { PlayButton } from '../ui/play-button.tsx';
import type { Attempt } from '../ui/use-attempt.ts';
import { type Player, SPEEDS } from './player.ts';

/** Play, pause, step, speed, back to any step. */
export function Transport({ player, attempt }: { readonly player: Player; readonly attempt: Attempt }) {
  const { t } = useApp();
  const count = player.count.value;
  const at = player.at.value ?? count;
  const playing = player.playing.value;
  return (
    <div class="transport" role="group" aria-label={t('transport.label')}>
      <PlayButton
        playing={playing}
        label={t(playing ? 'transport.pause' : 'transport.play')}
        onClick={() => (playing ? player.pause() : player.play())}
      />
      <button
        type="button"
        disabled={playing}
        onClick={() =>
          attempt.run(async () => {
            player.at.value = undefined;
            await player.advance(1);
          })
        }
      >
        {t('transport.step')}
      </button>
      <button type="button" onClick={() => player.reset()}>
        {t('transport.reset')}
      </button>
      <Choice
        label={t('transport.speed')}
        value={String(player.speed.value)}
        options={SPEEDS.map(String)}
        nameOf={(speed) => t('transport.speed.of', { speed })}
        onChange={(speed) => {
          player.speed.value = Number(speed);
        }}
      />
      <label class="scrubber">
        <span>{t('transport.scrub', { at, count })}</span>
        <input
          type="range"
          min={Math.min(1, count)}
          max={count}
          value={at}
          disabled={count === 0}
          onInput={(event) => {
            const { valueAsNumber } = event.currentTarget;
            player.pause();
            player.at.value = valueAsNumber >= count ? undefined : valueAsNumber;
          }}
        />
      </label>
    </div>
  );
}
