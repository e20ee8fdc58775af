import { mkdirSync, writeFileSync } from 'node:fs';

export type Point = readonly [x: number, y: number];

export interface Line {
  readonly name: string;
  readonly points: readonly Point[];
}

/** The b of y = a·xᵇ that fits best: the slope where both axes are logarithmic. */
export function exponent(points: readonly Point[]): number {
  const logs = points.map(([x, y]) => [Math.log(x), Math.log(y)]);
  const mean = (k: number) => logs.reduce((sum, log) => sum + log[k], 0) / logs.length;
  const [x, y] = [mean(0), mean(1)];
  const covariance = logs.reduce((sum, log) => sum + (log[0] - x) * (log[1] - y), 0);
  return covariance / logs.reduce((sum, log) => sum + (log[0] - x) ** 2, 0);
}

const WIDTH = 640;
const HEIGHT = 400;
const EDGE = { left: 70, right: 200, top: 40, bottom: 50 };
const COLOURS = ['#0b6bcb', '#c4320a', '#087443', '#6941c6'];

/** Writes bench/plots/<file>: lines over two logarithmic axes, each with its exponent. */
export function writePlot(
  file: string,
  {
    title,
    x,
    y,
    lines,
  }: { readonly title: string; readonly x: string; readonly y: string; readonly lines: readonly Line[] },
): void {
  const all = lines.flatMap(({ points }) => points);
  const [across, up] = [decades(all.map(([value]) => value)), decades(all.map(([, value]) => value))];
  const [bottom, right] = [HEIGHT - EDGE.bottom, WIDTH - EDGE.right];
  const atX = (value: number) => EDGE.left + across.share(value) * (right - EDGE.left);
  const atY = (value: number) => bottom - up.share(value) * (bottom - EDGE.top);
  const text = (at: Point, words: string, more = '') =>
    `<text x="${at[0].toFixed(1)}" y="${at[1].toFixed(1)}"${more}>${escapeXml(words)}</text>`;
  const rule = (a: Point, b: Point) =>
    `<line x1="${a[0].toFixed(1)}" y1="${a[1].toFixed(1)}" x2="${b[0].toFixed(1)}" y2="${b[1].toFixed(1)}" stroke="#ddd"/>`;
  const parts = [
    `<title>${escapeXml(title)}</title>`,
    text([EDGE.left, 22], title, ' font-weight="bold"'),
    ...across.ticks.flatMap((tick) => [
      rule([atX(tick), EDGE.top], [atX(tick), bottom]),
      text([atX(tick), bottom + 18], short(tick), ' text-anchor="middle"'),
    ]),
    ...up.ticks.flatMap((tick) => [
      rule([EDGE.left, atY(tick)], [right, atY(tick)]),
      text([EDGE.left - 8, atY(tick) + 4], short(tick), ' text-anchor="end"'),
    ]),
    text([(EDGE.left + right) / 2, HEIGHT - 10], x, ' text-anchor="middle"'),
    text([16, EDGE.top - 8], y),
    ...lines.flatMap(({ name, points }, k) => {
      const colour = COLOURS[k % COLOURS.length];
      const path = points.map((point) => `${atX(point[0]).toFixed(1)},${atY(point[1]).toFixed(1)}`).join(' ');
      const dots = path
        .split(' ')
        .map((at) => `<circle cx="${at.split(',')[0]}" cy="${at.split(',')[1]}" r="3" fill="${colour}"/>`);
      return [
        `<polyline points="${path}" fill="none" stroke="${colour}" stroke-width="2"/>`,
        ...dots,
        text([right + 12, EDGE.top + 14 + 36 * k], name, ` fill="${colour}"`),
        text([right + 12, EDGE.top + 29 + 36 * k], `exponent ${exponent(points).toFixed(2)}`, ' fill="#555"'),
      ];
    }),
  ];
  const head = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="12">`;
  const folder = new URL('plots/', import.meta.url);
  mkdirSync(folder, { recursive: true });
  writeFileSync(
    new URL(file, folder),
    `${head}\n<rect width="100%" height="100%" fill="#fff"/>\n${parts.join('\n')}\n</svg>\n`,
  );
}

/** Whole decades around the values: their ticks, and what share of the axis lies below a value. */
function decades(values: readonly number[]): { readonly ticks: readonly number[]; share(value: number): number } {
  const low = Math.floor(Math.log10(Math.min(...values)));
  const high = Math.max(low + 1, Math.ceil(Math.log10(Math.max(...values))));
  const ticks = Array.from({ length: high - low + 1 }, (_, k) => 10 ** (low + k));
  return { ticks, share: (value) => (Math.log10(value) - low) / (high - low) };
}

function short(value: number): string {
  if (value >= 1e6) return `${value / 1e6}M`;
  return value >= 1e3 ? `${value / 1e3}k` : `${Number(value.toPrecision(3))}`;
}

function escapeXml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}
