import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { useApp } from '../frame/context.ts';
import { show } from '../numbers/numbers.ts';
import { colorOf, inkOn, rgbOf, scaleOf } from './colors.ts';
import { useWidth } from './use-width.ts';

export interface Spot {
  readonly row: number;
  readonly column: number;
}

export interface HeatmapProps {
  readonly label: string;
  readonly values: readonly (readonly number[])[];
  readonly rowName: (row: number) => string;
  readonly columnName: (column: number) => string;
  readonly selected?: Spot;
  readonly onSelect?: (spot: Spot) => void;
  /** Called with each value that is dragged to, and once more when it is let go. */
  readonly onDrag?: (spot: Spot, value: number, done: boolean) => void;
  /** Rows and columns to frame: those of the unit that is looked at. */
  readonly marked?: { readonly rows: readonly number[]; readonly columns: readonly number[] };
  readonly scale?: number;
  /** Says a number only while a pointer is over it: the chosen one stands elsewhere. */
  readonly quiet?: boolean;
}

const ROOM_FOR_NUMBERS = 36;
/** A single row of thin cells is still tall enough to point at. */
const LEAST_HEIGHT = 16;

/** A table of numbers as colours. Arrow keys walk through it; dragging up and down changes a number. */
export function Heatmap(props: HeatmapProps) {
  const { label, values, rowName, columnName, selected, onSelect, onDrag, marked } = props;
  const { dark, t } = useApp();
  const canvas = useRef<HTMLCanvasElement>(null);
  const box = useRef<HTMLDivElement>(null);
  const width = useWidth(box);
  const hovered = useSignal<Spot | undefined>(undefined);
  const dragging = useRef<{ spot: Spot; y: number; from: number; scale: number; moved: boolean } | undefined>(
    undefined,
  );
  const rows = values.length;
  const columns = Math.max(0, ...values.map((row) => row.length));
  const cell = Math.max(2, Math.min(46, Math.floor(width / Math.max(1, columns))));
  const least = Math.ceil(LEAST_HEIGHT / Math.max(1, rows));
  const tall = Math.max(2, least, Math.min(cell > ROOM_FOR_NUMBERS ? 26 : cell, 26));
  const scale = props.scale ?? scaleOf(values.flat(), 0.01);

  useEffect(() => {
    const { current } = canvas;
    if (!current || width === 0) return;
    const ratio = window.devicePixelRatio || 1;
    current.width = cell * columns * ratio;
    current.height = tall * rows * ratio;
    const pen = current.getContext('2d')!;
    pen.scale(ratio, ratio);
    draw(pen, { values, cell, tall, scale, dark: dark.value, selected, marked });
  });

  const spotAt = (event: MouseEvent): Spot => {
    const { left, top } = canvas.current!.getBoundingClientRect();
    const within = (value: number, count: number) => Math.max(0, Math.min(count - 1, Math.floor(value)));
    return { row: within((event.clientY - top) / tall, rows), column: within((event.clientX - left) / cell, columns) };
  };
  const press = (event: PointerEvent) => {
    const spot = spotAt(event);
    onSelect?.(spot);
    if (!onDrag) return;
    canvas.current?.setPointerCapture(event.pointerId);
    dragging.current = { spot, y: event.clientY, from: values[spot.row][spot.column], scale, moved: false };
  };
  const move = (event: PointerEvent) => {
    hovered.value = spotAt(event);
    const drag = dragging.current;
    if (!drag || Math.abs(event.clientY - drag.y) < 3) return;
    drag.moved = true;
    onDrag?.(drag.spot, dragged(drag, event.clientY), false);
  };
  const release = (event: PointerEvent) => {
    const drag = dragging.current;
    dragging.current = undefined;
    if (drag?.moved) onDrag?.(drag.spot, dragged(drag, event.clientY), true);
  };
  const walk = (event: KeyboardEvent) => {
    const [down, right] = STEPS[event.key] ?? [];
    if (down === undefined || !onSelect) return;
    event.preventDefault();
    const { row, column } = selected ?? { row: 0, column: 0 };
    onSelect({ row: (row + down + rows) % rows, column: (column + right + columns) % columns });
  };

  const spot = hovered.value ?? (props.quiet ? undefined : selected);
  const said = spot && values[spot.row]?.[spot.column] !== undefined;
  return (
    <div class="heatmap" ref={box}>
      <div class="scroll">
        <canvas
          ref={canvas}
          tabIndex={0}
          role="img"
          aria-label={`${label}. ${t('heatmap.help', { rows, columns })}`}
          style={{ width: `${cell * columns}px`, height: `${tall * rows}px`, touchAction: onDrag ? 'none' : 'auto' }}
          onPointerDown={press}
          onPointerMove={move}
          onPointerUp={release}
          onPointerLeave={() => {
            hovered.value = undefined;
          }}
          onKeyDown={walk}
        />
      </div>
      <p class="spot" aria-live="polite">
        {said ? `${rowName(spot.row)} → ${columnName(spot.column)}: ${show(values[spot.row][spot.column], 5)}` : ' '}
      </p>
    </div>
  );
}

const STEPS: Readonly<Record<string, readonly [number, number]>> = {
  ArrowUp: [-1, 0],
  ArrowDown: [1, 0],
  ArrowLeft: [0, -1],
  ArrowRight: [0, 1],
};

/** Eighty pixels are as much as the largest number that is there. */
function dragged(drag: { y: number; from: number; scale: number }, y: number): number {
  const from = Number.isFinite(drag.from) ? drag.from : 0;
  return Number((from + ((drag.y - y) / 80) * Math.max(drag.scale, 0.5)).toPrecision(4));
}

interface Drawing extends Pick<HeatmapProps, 'values' | 'selected' | 'marked'> {
  readonly cell: number;
  readonly tall: number;
  readonly scale: number;
  readonly dark: boolean;
}

function draw(pen: CanvasRenderingContext2D, { values, cell, tall, scale, dark, selected, marked }: Drawing): void {
  const columns = values[0]?.length ?? 0;
  const gap = cell > 8 && tall > 8 ? 1 : 0;
  pen.font = '11px system-ui, sans-serif';
  pen.textAlign = 'center';
  pen.textBaseline = 'middle';
  values.forEach((row, r) => {
    row.forEach((value, c) => {
      pen.fillStyle = colorOf(value, scale, dark);
      pen.fillRect(c * cell, r * tall, cell - gap, tall - gap);
      if (cell < ROOM_FOR_NUMBERS) return;
      pen.fillStyle = inkOn(rgbOf(value, scale, dark));
      pen.fillText(show(value), c * cell + cell / 2, r * tall + tall / 2, cell - 4);
    });
  });
  pen.strokeStyle = dark ? '#fff' : '#000';
  const frame = (row: number, column: number, height: number, width: number) =>
    pen.strokeRect(column * cell + 0.5, row * tall + 0.5, width * cell - 1 - gap, height * tall - 1 - gap);
  pen.globalAlpha = 0.55;
  for (const row of marked?.rows ?? []) if (row < values.length) frame(row, 0, 1, columns);
  for (const column of marked?.columns ?? []) if (column < columns) frame(0, column, values.length, 1);
  pen.globalAlpha = 1;
  pen.lineWidth = 2;
  if (selected) frame(selected.row, selected.column, 1, 1);
}
