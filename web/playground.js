// @ts-check
import { Api, ApiProblem } from './api.js';
import { bar, byId, make, numberOf, numberTable, plot, tableValues } from './elements.js';
import { GATE_NAMES, KINDS, PRESETS } from './kinds.js';

/** @typedef {import('./elements.js').Value} Value */
/** @typedef {import('./kinds.js').Preset} Preset */

const field = {
  kind: /** @type {HTMLSelectElement} */ (byId('kind')),
  units: /** @type {HTMLSelectElement} */ (byId('units')),
  features: /** @type {HTMLSelectElement} */ (byId('features')),
  activation: /** @type {HTMLSelectElement} */ (byId('activation')),
  recurrentActivation: /** @type {HTMLSelectElement} */ (byId('recurrent-activation')),
  useBias: /** @type {HTMLInputElement} */ (byId('use-bias')),
  resetAfter: /** @type {HTMLInputElement} */ (byId('reset-after')),
};
const api = new Api((sent, answered) => {
  byId('sent').textContent = sent;
  byId('answered').textContent = answered;
});
/** The cell of this page, as the service describes it. @type {any} */
let cell;
/** @type {{ x: Value[], output: Value[], states: Value[][] }[]} */
let steps = [];

const kindNow = () => KINDS[field.kind.value];
const unitNames = () => Array.from({ length: Number(field.units.value) }, (_, i) => String(i + 1));
const featureNames = () => Array.from({ length: Number(field.features.value) }, (_, i) => `x${i + 1}`);

/** Runs what a person asked for; what goes wrong is said at the top and at its fields. @param {() => Promise<void>} work */
async function attempt(work) {
  const problem = byId('problem');
  for (const marked of document.querySelectorAll('[aria-invalid]')) marked.removeAttribute('aria-invalid');
  try {
    await work();
    problem.hidden = true;
  } catch (error) {
    problem.hidden = false;
    problem.textContent = error instanceof Error ? error.message : String(error);
    if (!(error instanceof ApiProblem)) throw error;
    byId('key').hidden = error.status !== 401;
    for (const { pointer } of error.errors) {
      document.querySelector(`[data-pointer="${CSS.escape(pointer)}"]`)?.setAttribute('aria-invalid', 'true');
    }
  }
}

function configNow() {
  const { gates } = kindNow();
  return {
    units: Number(field.units.value),
    activation: field.activation.value,
    ...(gates.length > 1 ? { recurrent_activation: field.recurrentActivation.value } : {}),
    use_bias: field.useBias.checked,
    ...(gates.length === 3 ? { reset_after: field.resetAfter.checked } : {}),
  };
}

/** Makes the cell anew; its weights are drawn where none are given. @param {Preset['weights']} [weights] */
async function makeCell(weights) {
  const features = Number(field.features.value);
  const body = { class_name: field.kind.value, config: configNow(), input_shape: [null, features], weights };
  const id = `playground-${crypto.getRandomValues(new Uint32Array(2)).join('-')}`;
  const made = await api.call('POST', 'v1/cells', { id, ...body });
  if (cell) api.forget(`v1/cells/${cell.id}?force=true`);
  cell = made;
  await showWeights();
  steps = [];
  showHistory();
}

async function showWeights() {
  const { weights } = await api.call('GET', `v1/cells/${cell.id}/weights`);
  const { gates } = kindNow();
  const columns = gates.flatMap((gate) => unitNames().map((unit) => `${gate}${unit}`));
  const rows = { kernel: featureNames(), recurrent_kernel: unitNames().map((unit) => `h${unit}`) };
  const tables = Object.entries(weights).map(([name, value]) => {
    const matrix = Array.isArray(value[0]) ? value : [value];
    const labels =
      name in rows ? rows[/** @type {keyof typeof rows} */ (name)] : matrix.length > 1 ? ['b', 'b′'] : ['b'];
    const table = numberTable(name, labels, columns, matrix, `/weights/${name}`);
    return make('fieldset', { 'data-name': name }, make('legend', {}, name), table);
  });
  byId('weights').replaceChildren(...tables);
}

async function putWeights() {
  const weights = Object.fromEntries(
    [...byId('weights').querySelectorAll('fieldset')].map((set) => {
      const rows = tableValues(/** @type {Element} */ (set.querySelector('table')));
      return [set.dataset.name, set.dataset.name === 'bias' && rows.length === 1 ? rows[0] : rows];
    }),
  );
  await api.call('PUT', `v1/cells/${cell.id}/weights`, { weights });
}

/** @param {readonly (readonly Value[])[]} states */
function showStates(states) {
  byId('states').replaceChildren(numberTable('state', kindNow().states, unitNames(), states, '/states'));
}

const zeroStates = () => kindNow().states.map(() => unitNames().map(() => 0));

/** @param {readonly Value[]} inputs */
function showInputs(inputs) {
  byId('inputs').replaceChildren(numberTable('input', ['x'], featureNames(), [inputs], '/inputs'));
}

async function step() {
  const states = tableValues(byId('states'));
  const [x] = tableValues(byId('inputs'));
  const body = { inputs: [x], states: states.map((state) => [state]), trace: true };
  const reply = await api.call('POST', `v1/cells/${cell.id}/steps`, body);
  const next = reply.states.map((/** @type {Value[][]} */ [state]) => state);
  showSum(x, states[0], reply.output[0]);
  showGates(reply.trace);
  showStates(next);
  steps = [...steps, { x, output: reply.output[0], states: next }].slice(-100);
  showHistory();
}

/** The whole sum where it is one number of each. @param {Value[]} x @param {Value[]} h @param {Value[]} output */
function showSum(x, h, output) {
  const single = field.kind.value === 'SimpleRNNCell' && x.length * h.length === 1;
  const [w, u, b] = [...byId('weights').querySelectorAll('input')].map(({ value }) => value);
  const inner = single ? [`${x[0]}·${w}`, `${h[0]}·${u}`, ...(b === undefined ? [] : [b])].join(' + ') : '';
  const linear = field.activation.value === 'linear';
  const left = !single ? 'h′' : linear ? inner : `${field.activation.value}(${inner})`;
  byId('sum').textContent = `${left} = ${output.length > 1 ? `[${output.join(', ')}]` : output[0]}`;
}

/** @param {Record<string, { before: Value[][], after: Value[][] }>} trace */
function showGates(trace) {
  const head = ['', 'unit', 'before', 'after', ''].map((name) => make('th', { scope: 'col' }, name));
  const rows = Object.entries(trace).flatMap(([gate, { before, after }]) =>
    after[0].map((value, unit) => {
      const name = unit === 0 ? (GATE_NAMES[gate] ?? gate) : '';
      const numbers = [String(unit + 1), String(before[0][unit]), String(value)].map((text) => make('td', {}, text));
      return make('tr', {}, make('th', { scope: 'row' }, name), ...numbers, make('td', {}, bar(value)));
    }),
  );
  byId('gates').replaceChildren(
    make('table', {}, make('thead', {}, make('tr', {}, ...head)), make('tbody', {}, ...rows)),
  );
}

function showHistory() {
  const table = byId('history');
  table.hidden = steps.length === 0;
  byId('no-steps').hidden = steps.length > 0;
  const chart = /** @type {SVGElement} */ (byId('plot'));
  chart.toggleAttribute('hidden', steps.length < 2);
  plot(
    chart,
    steps.map(({ output }) => output),
  );
  if (steps.length === 0) byId('gates').replaceChildren();
  if (steps.length === 0) byId('sum').textContent = '';
  const names = ['step', 'x', ...kindNow().states.map((state) => `${state}′`)];
  const head = make('tr', {}, ...names.map((name) => make('th', { scope: 'col' }, name)));
  table.querySelector('thead')?.replaceChildren(head);
  const rows = steps.map(({ x, states }, i) =>
    make('tr', {}, ...[[i + 1], x, ...states].map((values) => make('td', {}, values.join(', ')))),
  );
  table.querySelector('tbody')?.replaceChildren(...rows.reverse());
}

/** Shows what the kind has. */
function fitForm() {
  const { gates, formula } = kindNow();
  byId('formula').textContent = formula;
  for (const gated of document.querySelectorAll('.gated')) gated.toggleAttribute('hidden', gates.length === 1);
  for (const gru of document.querySelectorAll('.gru')) gru.toggleAttribute('hidden', gates.length !== 3);
}

/** @param {Preset} preset */
async function take({ options, weights, states, inputs }) {
  field.kind.value = options.kind;
  field.units.value = String(options.units);
  field.features.value = String(options.features);
  field.activation.value = options.activation;
  field.recurrentActivation.value = 'sigmoid';
  field.useBias.checked = options.useBias;
  field.resetAfter.checked = options.resetAfter;
  fitForm();
  showStates(states ?? zeroStates());
  showInputs(inputs);
  await makeCell(weights);
}

async function applyOp() {
  const name = /** @type {HTMLSelectElement} */ (byId('op-name')).value;
  const text = /** @type {HTMLInputElement} */ (byId('op-values')).value;
  const values = text
    .split(/[\s,;[\]]+/)
    .filter(Boolean)
    .map(numberOf);
  const { output } = await api.call('POST', `v1/ops/${name}`, { inputs: [values] });
  byId('op-output').textContent = `${name}([${values.join(', ')}]) = [${output.join(', ')}]`;
}

/** @param {HTMLSelectElement} select @param {readonly (readonly [string, string])[]} options */
function fill(select, options) {
  select.replaceChildren(...options.map(([value, label]) => make('option', { value }, label)));
}

async function start() {
  const { items } = await api.call('GET', 'v1/ops');
  byId('key').hidden = true;
  /** @type {{ name: string, formula: string, inputs: number }[]} */
  const activations = items.filter((/** @type {{ inputs: number }} */ { inputs }) => inputs === 1);
  const names = activations.map(({ name }) => /** @type {const} */ ([name, name]));
  const usable = names.filter(([name]) => !['glu', 'threshold'].includes(name));
  for (const select of [field.activation, field.recurrentActivation]) fill(select, usable);
  const op = /** @type {HTMLSelectElement} */ (byId('op-name'));
  fill(op, names);
  op.value = 'tanh';
  const explain = () => {
    byId('op-formula').textContent = activations.find(({ name }) => name === op.value)?.formula ?? '';
  };
  op.addEventListener('change', explain);
  explain();
  await take(PRESETS[0]);
}

fill(
  field.kind,
  Object.values(KINDS).map(({ className, label }) => [className, label]),
);
for (const select of [field.units, field.features])
  fill(
    select,
    ['1', '2', '3', '4'].map((count) => [count, count]),
  );
for (const preset of PRESETS) {
  const button = make('button', { type: 'button' }, preset.label);
  button.addEventListener('click', () => attempt(() => take(preset)));
  byId('presets').append(button);
}

/** @param {string} id @param {() => Promise<void>} work */
function onSubmit(id, work) {
  byId(id).addEventListener('submit', (event) => {
    event.preventDefault();
    attempt(work);
  });
}
onSubmit('step', step);
onSubmit('op', applyOp);
onSubmit('config', async () => undefined);
onSubmit('weights', putWeights);
onSubmit('key', async () => {
  api.key = /** @type {HTMLInputElement} */ (byId('api-key')).value;
  await start();
});
byId('config').addEventListener('change', () =>
  attempt(async () => {
    fitForm();
    showStates(zeroStates());
    showInputs(featureNames().map(() => 1));
    await makeCell();
  }),
);
byId('weights').addEventListener('change', () => attempt(putWeights));
byId('draw').addEventListener('click', () => attempt(() => makeCell()));
byId('reset').addEventListener('click', () =>
  attempt(async () => {
    showStates(zeroStates());
    steps = [];
    showHistory();
  }),
);
addEventListener('pagehide', () => cell && api.forget(`v1/cells/${cell.id}?force=true`));
// Back from the browser's cache: the cell is gone by then.
addEventListener('pageshow', ({ persisted }) => persisted && attempt(() => makeCell()));
attempt(start);
