// @ts-check

/** @typedef {number | string} Value A number, or NaN, Infinity, -Infinity by name, as they stand in JSON. */

/** @template {Element} [T=HTMLElement] @param {string} id @returns {T} */
export function byId(id) {
  return /** @type {T} */ (/** @type {unknown} */ (document.getElementById(id)));
}

/**
 * An element with text, attributes and children.
 * @param {string} tag
 * @param {Record<string, string>} [attributes]
 * @param {(Node | string)[]} children
 * @returns {HTMLElement}
 */
export function make(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

/** @param {string} tag @param {Record<string, string | number>} attributes */
function makeSvg(tag, attributes) {
  const made = document.createElementNS('http://www.w3.org/2000/svg', tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, String(value));
  return made;
}

/** @param {string} text @returns {Value} What is no number is sent as it is: the service says what is wrong with it. */
export function numberOf(text) {
  const trimmed = text.trim().replace('∞', 'Infinity').replace('−', '-');
  const number = Number(trimmed);
  return trimmed !== '' && Number.isFinite(number) ? number : trimmed;
}

/**
 * A table of number fields. @param {string} label @param {readonly string[]} rows @param {readonly string[]} columns
 * @param {readonly (readonly Value[])[]} values @param {string} pointer Where the values stand in a request.
 */
export function numberTable(label, rows, columns, values, pointer) {
  const head = make('tr', {}, make('td'), ...columns.map((name) => make('th', { scope: 'col' }, name)));
  const body = values.map((row, i) => {
    const cells = row.map((value, j) => {
      const name = [label, rows[i], columns[j]].filter(Boolean).join(' ');
      const field = { class: 'number', inputmode: 'text', 'aria-label': name, 'data-pointer': `${pointer}/${i}/${j}` };
      return make('td', {}, make('input', { ...field, value: String(value), autocomplete: 'off' }));
    });
    return make('tr', {}, make('th', { scope: 'row' }, rows[i]), ...cells);
  });
  return make('table', {}, make('thead', {}, head), make('tbody', {}, ...body));
}

/** @param {Element} table @returns {Value[][]} */
export function tableValues(table) {
  return [...table.querySelectorAll('tbody tr')].map((row) =>
    [...row.querySelectorAll('input')].map(({ value }) => numberOf(value)),
  );
}

/** A bar from 0 to a value, on a scale from -1 to 1. @param {Value} value */
export function bar(value) {
  const width = 45 * Math.max(-1, Math.min(1, Number(value) || 0));
  const svg = makeSvg('svg', { width: 96, height: 14, viewBox: '-48 0 96 14', 'aria-hidden': 'true' });
  const length = Math.abs(width);
  svg.append(
    makeSvg('rect', { x: Math.min(0, width), y: 3, width: length, height: 8, class: width < 0 ? 'minus' : 'plus' }),
    makeSvg('line', { x1: 0, x2: 0, y1: 0, y2: 14, class: 'axis' }),
  );
  return svg;
}

/** Draws a line for each unit over the steps. @param {SVGElement} svg @param {readonly (readonly Value[])[]} steps */
export function plot(svg, steps) {
  const numbers = steps.flat().map(Number).filter(Number.isFinite);
  const [low, high] = [Math.min(0, ...numbers), Math.max(0, ...numbers)];
  const x = (/** @type {number} */ i) => 10 + (380 * i) / Math.max(1, steps.length - 1);
  const y = (/** @type {Value} */ value) => 110 - (100 * (Number(value) - low)) / (high - low || 1);
  const curves = (steps[0] ?? []).map((_, unit) => {
    const points = steps.flatMap((step, i) =>
      Number.isFinite(Number(step[unit])) ? [`${x(i)},${y(step[unit])}`] : [],
    );
    return [
      makeSvg('polyline', { points: points.join(' '), class: 'curve', opacity: 1 - unit * 0.2 }),
      ...points.map((point) => {
        const [cx, cy] = point.split(',');
        return makeSvg('circle', { cx, cy, r: 2.5, class: 'plus', opacity: 1 - unit * 0.2 });
      }),
    ];
  });
  svg.replaceChildren(makeSvg('line', { x1: 0, x2: 400, y1: y(0), y2: y(0), class: 'axis' }), ...curves.flat());
}
