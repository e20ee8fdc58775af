import { useEffect, useRef } from 'preact/hooks';
import { CellView } from '../cell/cell-view.tsx';
import { CallText } from '../frame/calls-panel.tsx';
import { useApp } from '../frame/context.ts';
import { hashOf } from '../frame/place.ts';
import { Refusal } from '../ui/field.tsx';
import { useAttempt } from '../ui/use-attempt.ts';
import { STOPS } from './stops.ts';
import type { Tour } from './tour.ts';

interface TourProps {
  readonly tour: Tour;
  readonly path: readonly string[];
}

/** The Python tutorial, a part at a time, beside what the same does here. */
export function TourView({ tour, path }: TourProps) {
  const { t } = useApp();
  const attempt = useAttempt();
  const code = useRef<HTMLDivElement>(null);
  const stop = Math.max(0, Math.min(STOPS.length - 1, (Math.trunc(Number(path[0])) || 1) - 1));
  useEffect(() => {
    attempt.run(() => tour.reach(stop));
    const line = code.current?.querySelector('[aria-current]');
    if (line instanceof HTMLElement && code.current) reveal(line, code.current);
  }, [stop]);
  const shown = tour.shown.value[stop];
  // The one that does it, rather than those that read what is shown.
  const call = shown?.calls.findLast(({ method }) => method !== 'GET') ?? shown?.calls[0];
  const at = (number: number) => hashOf(['tour', String(number)]);
  return (
    <div class="view">
      <section class="hero" aria-labelledby="tour-title">
        <div>
          <h1 id="tour-title">{t('tour.title')}</h1>
          <p>{t('tour.hint')}</p>
        </div>
        <nav class="ways" aria-label={t('tour.steps')}>
          {stop > 0 ? (
            <a class="button" href={at(stop)}>
              ‹ {t('tour.former')}
            </a>
          ) : null}
          <span class="figures">{t('tour.at', { step: stop + 1, count: STOPS.length })}</span>
          {stop < STOPS.length - 1 ? (
            <a class="button main" href={at(stop + 2)}>
              {t('tour.next')} ›
            </a>
          ) : (
            <a class="button main" href={hashOf([])}>
              {t('tour.end')}
            </a>
          )}
          <button
            type="button"
            onClick={() => {
              tour.restart();
              if (stop === 0) attempt.run(() => tour.reach(0));
              else location.hash = at(1);
            }}
          >
            {t('tour.restart')}
          </button>
        </nav>
      </section>
      <div class="columns">
        <div class="card python" ref={code} tabIndex={0} role="group" aria-label={t('tour.python')}>
          <pre>import tensorflow as tf</pre>
          {STOPS.map(({ lines, text }, i) => (
            <a key={text} class="lines" href={at(i + 1)} aria-current={i === stop ? 'step' : undefined}>
              <pre>{lines.join('\n')}</pre>
            </a>
          ))}
        </div>
        <section class="card" aria-labelledby="stop-title" aria-live="polite">
          <h2 id="stop-title">{t('tour.here')}</h2>
          <p>{t(STOPS[stop].text)}</p>
          <Refusal problem={attempt.problem.value} />
          {shown?.cell && (
            <CellView
              layers={shown.cell.layers}
              weights={shown.cell.weights}
              moment={shown.cell.moment}
              moving={false}
            />
          )}
          {shown && <Value value={shown.value} />}
          {call && <CallText key={stop} call={call} />}
        </section>
      </div>
    </div>
  );
}

function reveal(line: HTMLElement, code: HTMLElement): void {
  const below = line.offsetTop + line.offsetHeight - code.clientHeight;
  if (code.scrollTop < below || code.scrollTop > line.offsetTop) code.scrollTop = line.offsetTop - 60;
}

const ONE_LINE = 90;

function Value({ value }: { readonly value: unknown }) {
  const { t } = useApp();
  const line = JSON.stringify(value) ?? '';
  const text =
    line.length < ONE_LINE
      ? line
      : JSON.stringify(value, null, 1).replace(
          /\[\s+([^[\]{}]*?)\s+\]/g,
          (_whole, inner: string) => `[${inner.replace(/\s+/g, ' ')}]`,
        );
  return (
    <pre class="result" tabIndex={0} role="group" aria-label={t('tour.result')}>
      {text}
    </pre>
  );
}
