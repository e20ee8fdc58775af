import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { useApp } from '../frame/context.ts';
import { typed } from '../numbers/numbers.ts';
import { MAX_FEATURES, readCsv } from '../signals/csv.ts';
import { readySignal, SIGNAL_NAMES, type Signal, textSignal } from '../signals/signal.ts';
import { readWav } from '../signals/wav.ts';
import { lineColors } from '../ui/colors.ts';
import { Choice, Field } from '../ui/field.tsx';
import { FileField, takesFiles } from '../ui/file-field.tsx';
import { useWidth } from '../ui/use-width.ts';
import type { Player } from './player.ts';

const READY = ['sine', 'steps', 'pulse', 'noise'] as const;
const MOST_TYPED = 2000;

/** The signal that is played: chosen, drawn, typed or dropped. */
export function SignalCard({ player }: { readonly player: Player }) {
  const { t } = useApp();
  const text = useSignal('hello world ');
  const wrong = useSignal<string | undefined>(undefined);
  const { value: name } = player.signalName;
  const { value: spec } = player.spec;

  const take = async (file: File) => {
    wrong.value = undefined;
    try {
      const values = /\.wav$/i.test(file.name) ? readWav(await file.arrayBuffer()) : readCsv(await file.text());
      if (values[0].length !== spec.features) await player.make({ ...spec, features: values[0].length });
      player.choose('file', values);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      wrong.value = /\.wav$/i.test(file.name)
        ? t('signal.wrong.wav', { what: error.message })
        : t('signal.wrong.csv', { line: error.message });
    }
  };
  return (
    <section class="card" aria-labelledby="signal-title" {...takesFiles(take)}>
      <h2 id="signal-title">{t('signal.title')}</h2>
      <div class="fields">
        <Choice
          label={t('signal.choose')}
          value={name}
          options={SIGNAL_NAMES}
          nameOf={(option) => t(`signal.${option}`)}
          onChange={(chosen) => {
            const ready = READY.find((option) => option === chosen);
            if (ready) player.choose(ready, readySignal(ready, spec.features));
            else if (chosen === 'text') player.choose('text', textSignal(text.value, spec.features));
            else player.choose(chosen, player.signal.value);
          }}
        />
        {name === 'text' && (
          <Field label={t('signal.letters')}>
            {(attributes) => (
              <input
                {...attributes}
                value={text.value}
                onInput={(event) => {
                  text.value = event.currentTarget.value;
                  if (text.value) player.choose('text', textSignal(text.value, spec.features));
                }}
              />
            )}
          </Field>
        )}
        <FileField label={t('signal.drop')} accept=".csv,.tsv,.txt,.wav" onFile={take} />
      </div>
      {wrong.value && (
        <p class="error" role="alert">
          {wrong.value}
        </p>
      )}
      <DrawingBoard player={player} />
      <details>
        <summary>{t('signal.values')}</summary>
        <TypedValues player={player} />
      </details>
    </section>
  );
}

/** The signal as lines, which a pointer draws anew: its height becomes the value of the first feature. */
function DrawingBoard({ player }: { readonly player: Player }) {
  const { t, dark } = useApp();
  const box = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const width = useWidth(box);
  const drawing = useRef<number | undefined>(undefined);
  const { value: values } = player.signal;
  const length = values.length;
  const now = player.count.value === 0 ? undefined : ((player.at.value ?? player.count.value) - 1) % length;
  useEffect(() => {
    const pen = canvas.current?.getContext('2d');
    if (!pen || width === 0) return;
    canvas.current!.width = width;
    canvas.current!.height = HEIGHT;
    drawSignal(pen, values, width, lineColors(dark.value), now, dark.value);
  });
  const drawTo = (event: PointerEvent) => {
    const { left, top, width: wide } = canvas.current!.getBoundingClientRect();
    const index = Math.max(0, Math.min(length - 1, Math.floor(((event.clientX - left) / wide) * length)));
    const value = Math.max(-1, Math.min(1, 1.1 - (2.2 * (event.clientY - top)) / HEIGHT));
    const from = drawing.current ?? index;
    drawing.current = index;
    const [low, high] = [Math.min(from, index), Math.max(from, index)];
    const drawn = values.map((row, i) => (i >= low && i <= high ? [Number(value.toFixed(3)), ...row.slice(1)] : row));
    player.choose('drawn', drawn);
  };
  return (
    <div ref={box} class="board">
      <canvas
        ref={canvas}
        role="img"
        aria-label={t('signal.board', { length, features: values[0].length })}
        style={{ height: `${HEIGHT}px` }}
        onPointerDown={(event) => {
          drawing.current = undefined;
          canvas.current?.setPointerCapture(event.pointerId);
          drawTo(event);
        }}
        onPointerMove={(event) => event.buttons > 0 && drawTo(event)}
      />
      <p class="hint">{t('signal.hint', { length })}</p>
    </div>
  );
}

const HEIGHT = 96;

function drawSignal(
  pen: CanvasRenderingContext2D,
  values: Signal,
  width: number,
  colors: readonly string[],
  now: number | undefined,
  dark: boolean,
) {
  const scale = Math.max(1, ...values.slice(0, 2000).flat().map(Math.abs).filter(Number.isFinite));
  const x = (i: number) => ((i + 0.5) / values.length) * width;
  const y = (value: number) => HEIGHT / 2 - (value / scale) * (HEIGHT / 2.2);
  pen.clearRect(0, 0, width, HEIGHT);
  pen.strokeStyle = dark ? '#3a424c' : '#d5dae0';
  pen.beginPath();
  pen.moveTo(0, y(0));
  pen.lineTo(width, y(0));
  pen.stroke();
  const stride = Math.max(1, Math.floor(values.length / width));
  values[0].slice(0, 8).forEach((_, feature) => {
    pen.strokeStyle = colors[feature];
    pen.lineWidth = 1.8;
    pen.beginPath();
    for (let i = 0; i < values.length; i += stride) pen.lineTo(x(i), y(values[i][feature]));
    pen.stroke();
  });
  if (now === undefined) return;
  pen.fillStyle = dark ? '#fff' : '#1b1f24';
  pen.beginPath();
  pen.arc(x(now), y(values[now][0]), 5, 0, 2 * Math.PI);
  pen.fill();
}

/** The signal as numbers, a step a line: for keyboards, and to be exact. */
function TypedValues({ player }: { readonly player: Player }) {
  const { t } = useApp();
  const wrong = useSignal<number | undefined>(undefined);
  const { value: values } = player.signal;
  const features = player.spec.value.features;
  return (
    <Field label={t('signal.typed', { features, most: Math.min(MAX_FEATURES, features) })}>
      {(attributes) => (
        <>
          <textarea
            {...attributes}
            aria-invalid={wrong.value !== undefined}
            rows={6}
            key={player.signalName.value}
            defaultValue={values
              .slice(0, MOST_TYPED)
              .map((row) => row.join(', '))
              .join('\n')}
            onChange={(event) => {
              const rows = event.currentTarget.value
                .split('\n')
                .filter((line) => line.trim())
                .map((line) => line.split(',').map(typed));
              const bad = rows.findIndex((row) => row.length !== features || row.includes(undefined));
              wrong.value = rows.length === 0 ? 0 : bad < 0 ? undefined : bad;
              if (wrong.value === undefined) player.choose('drawn', rows as number[][]);
            }}
          />
          {wrong.value !== undefined && (
            <p class="error">{t('signal.wrong.typed', { line: wrong.value + 1, features })}</p>
          )}
        </>
      )}
    </Field>
  );
}
