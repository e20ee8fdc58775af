import { useEffect, useRef } from 'preact/hooks';
import { useApp } from '../frame/context.ts';
import { show } from '../numbers/numbers.ts';
import { rgbOf, scaleOf } from './colors.ts';
import { SIDES } from './plot.tsx';
import { useWidth } from './use-width.ts';

interface TimeHeatmapProps {
  readonly label: string;
  readonly count: number;
  readonly first: number;
  /** The values of all units at a step, counted from 0 within what is shown. Another function draws anew. */
  readonly at: (index: number) => readonly number[];
  readonly marked?: number;
  readonly onPick?: (step: number) => void;
}

/** More columns than this are thinned out. */
const COLUMNS = 1200;

/** All units over time: a row a unit, a column a step. */
export function TimeHeatmap({ label, count, first, at, marked, onPick }: TimeHeatmapProps) {
  const { dark, t } = useApp();
  const box = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const width = useWidth(box);
  const units = count > 0 ? at(0).length : 0;
  const height = Math.max(48, Math.min(192, units * 14));

  useEffect(() => {
    const { current } = canvas;
    if (!current || count === 0 || units === 0 || width === 0) return;
    const columns = Math.min(count, COLUMNS);
    current.width = columns;
    current.height = units;
    const pen = current.getContext('2d')!;
    const steps = Array.from({ length: columns }, (_, c) => at(Math.floor((c * count) / columns)));
    const scale = steps.reduce((most, values) => Math.max(most, scaleOf(values, 0.01)), 0);
    const image = pen.createImageData(columns, units);
    steps.forEach((values, c) => {
      values.forEach((value, j) => {
        const [red, green, blue] = rgbOf(value, scale, dark.value);
        const place = 4 * (j * columns + c);
        image.data[place] = red;
        image.data[place + 1] = green;
        image.data[place + 2] = blue;
        image.data[place + 3] = 255;
      });
    });
    pen.putImageData(image, 0, 0);
  }, [at, count, units, width, dark.value]);

  const pick = (event: MouseEvent) => {
    const { left, width: wide } = canvas.current!.getBoundingClientRect();
    const index = Math.max(0, Math.min(count - 1, Math.floor(((event.clientX - left) / wide) * count)));
    onPick?.(first + index);
  };
  const newest = count > 0 ? at(count - 1).slice(0, 8) : [];
  const place = marked === undefined ? undefined : ((marked - first + 0.5) / count) * 100;
  return (
    <figure class="time-heatmap" ref={box}>
      <div class="frame" style={{ marginLeft: `${SIDES.left}px`, marginRight: `${SIDES.right}px` }}>
        <canvas ref={canvas} style={{ height: `${height}px` }} aria-hidden="true" onClick={pick} />
        {place !== undefined && place >= 0 && place <= 100 && <span class="mark" style={{ left: `${place}%` }} />}
      </div>
      <figcaption style={{ marginLeft: `${SIDES.left}px` }}>
        {label}
        <span class="unseen">
          . {t('heat.said', { units, count, values: newest.map((value) => show(value)).join(', ') })}
        </span>
      </figcaption>
    </figure>
  );
}
