import { useEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';
import { useApp } from '../frame/context.ts';
import { show, showOnAxis } from '../numbers/numbers.ts';
import { lineColors } from './colors.ts';
import { useWidth } from './use-width.ts';

export interface Line {
  readonly label: string;
  /** null: nothing is drawn there. */
  readonly values: ArrayLike<number | null>;
  /** Of another future or run: drawn dashed in the colour of the line with this number. */
  readonly twinOf?: number;
}

/** How far what is drawn stands off the sides of a plot; a heatmap below has the same. */
export const SIDES = { left: 72, right: 16 } as const;
const LABEL = 16;
/** Between the numbers below a plot: there is no half step. */
const STEPS_BETWEEN = [1, 2, 5]
  .flatMap((few) => [1, 10, 100, 1000].map((many) => few * many))
  .toSorted((a, b) => a - b);

export interface PlotProps {
  readonly label: string;
  readonly xLabel: string;
  readonly yLabel: string;
  readonly xs: ArrayLike<number>;
  readonly lines: readonly Line[];
  readonly height?: number;
  readonly logarithmic?: boolean;
  /** The x that is looked at, marked by an upright line. */
  readonly marked?: number;
  readonly onPick?: (x: number) => void;
}

/** Lines over a common x, with axes and a legend that shows the values under the pointer. */
export function Plot(props: PlotProps) {
  const { label, lines, xs, height = 180, xLabel, yLabel, logarithmic } = props;
  const { dark, t } = useApp();
  const box = useRef<HTMLDivElement>(null);
  const width = useWidth(box);
  const plot = useRef<uPlot | undefined>(undefined);
  const latest = useRef(props);
  latest.current = props;
  const names = lines.map((line) => `${line.label}/${line.twinOf ?? ''}`).join('|');
  useEffect(() => {
    if (!box.current || width === 0) return;
    const made = new uPlot(options(latest, width, dark.value), data(latest.current), box.current);
    plot.current = made;
    return () => {
      made.destroy();
      plot.current = undefined;
    };
  }, [names, width > 0, dark.value, height, xLabel, yLabel, logarithmic]);

  useEffect(() => {
    if (plot.current && plot.current.width !== width && width > 0) plot.current.setSize({ width, height });
  }, [width, height]);

  useEffect(() => {
    plot.current?.setData(data(latest.current));
  }, [lines, xs]);

  useEffect(() => {
    if (!plot.current) return;
    plot.current.redraw(false);
    showLegend(plot.current, latest.current);
  }, [lines, xs, props.marked]);

  const last = xs.length - 1;
  const said = lines.slice(0, 8).map(({ label: name, values }) => {
    const newest = values[Math.min(last, values.length - 1)] ?? undefined;
    return `${name}: ${newest === undefined ? '–' : show(newest)}`;
  });
  return (
    <figure class="plot">
      <div ref={box} aria-hidden="true" />
      <figcaption class="unseen">
        {t('plot.said', {
          label,
          x: xLabel,
          from: last < 0 ? 0 : xs[0],
          to: last < 0 ? 0 : xs[last],
          lines: said.join('; '),
        })}
      </figcaption>
    </figure>
  );
}

/** Without a pointer over the plot the legend has the values of what is looked at, or the newest ones. */
function showLegend(plot: uPlot, { xs, marked }: PlotProps): void {
  if ((plot.cursor.left ?? -1) >= 0 || xs.length === 0) return;
  const index = marked === undefined ? -1 : Array.prototype.indexOf.call(xs, marked);
  plot.setLegend({ idx: index < 0 ? xs.length - 1 : index });
}

function data({ xs, lines }: PlotProps): uPlot.AlignedData {
  return [xs as number[], ...lines.map(({ values }) => values as number[])];
}

function options(props: { readonly current: PlotProps }, width: number, dark: boolean): uPlot.Options {
  const { lines, height = 180, xLabel, yLabel, logarithmic } = props.current;
  const colors = lineColors(dark);
  const ink = dark ? '#b6bec8' : '#4b5560';
  const grid = dark ? '#2c333b' : '#e4e8ec';
  const axis = {
    stroke: ink,
    grid: { stroke: grid, width: 1 },
    ticks: { stroke: grid, width: 1 },
    font: '12px system-ui',
    labelFont: '12px system-ui',
    labelSize: LABEL,
  };
  return {
    width,
    height,
    padding: [null, SIDES.right, null, null],
    scales: {
      x: { time: false, range: halfMore },
      y: { distr: logarithmic ? 3 : 1, range: logarithmic ? undefined : padded },
    },
    axes: [
      { ...axis, label: xLabel, size: 32, incrs: STEPS_BETWEEN },
      {
        ...axis,
        label: yLabel,
        size: SIDES.left - LABEL,
        values: (_plot, splits) => splits.map((value) => (value === null ? '' : showOnAxis(value))),
      },
    ],
    legend: { live: lines.length <= 8, show: lines.length <= 8 },
    cursor: { drag: { x: true, y: false }, points: { size: 7 } },
    series: [
      { label: xLabel, value: (_plot, value) => (value === null ? '–' : String(value)) },
      ...lines.map((line, i) => ({
        label: line.label,
        stroke: colors[(line.twinOf ?? i) % colors.length],
        dash: line.twinOf === undefined ? undefined : [6, 4],
        width: 1.6,
        // A line of one point would not be seen.
        points: { show: (plot: uPlot) => plot.data[0].length === 1, size: 6 },
        value: (_plot: uPlot, value: number | null) => (value === null ? '–' : show(value, 4)),
      })),
    ],
    hooks: {
      draw: [(plot) => mark(plot, props.current.marked, ink)],
      ready: [
        (plot) => {
          plot.over.addEventListener('click', () => pick(plot, props.current));
          showLegend(plot, props.current);
        },
      ],
    },
  };
}

/** Half a step more on either side, as a heatmap below has a column for each step. */
function halfMore(plot: uPlot, low: number, high: number): [number, number] {
  const [xs] = plot.data;
  // Around a single step uPlot would show far more than that.
  return xs.length === 1 ? [xs[0] - 0.5, xs[0] + 0.5] : [low - 0.5, high + 0.5];
}

function padded(_plot: uPlot, low: number, high: number): [number, number] {
  if (!Number.isFinite(low) || !Number.isFinite(high)) return [-1, 1];
  const room = Math.max((high - low) * 0.08, 0.05);
  return [low - room, high + room];
}

function mark(plot: uPlot, x: number | undefined, ink: string): void {
  if (x === undefined) return;
  const at = Math.round(plot.valToPos(x, 'x', true));
  const { left, width, top, height } = plot.bbox;
  if (at < left || at > left + width) return;
  plot.ctx.save();
  plot.ctx.strokeStyle = ink;
  plot.ctx.lineWidth = 2;
  plot.ctx.beginPath();
  plot.ctx.moveTo(at, top);
  plot.ctx.lineTo(at, top + height);
  plot.ctx.stroke();
  plot.ctx.restore();
}

function pick(plot: uPlot, { onPick, xs }: PlotProps): void {
  const { idx } = plot.cursor;
  if (onPick && idx !== null && idx !== undefined) onPick(xs[idx]);
}
