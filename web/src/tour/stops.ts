import type { Api } from '../api/client.ts';
import type { Cell, StepReply, Tensor, WeightsReply } from '../api/types.ts';
import { type Layer, layersOf } from '../model/layers.ts';
import { type Moment, momentOf } from '../model/moment.ts';
import type { TextName } from '../texts/index.ts';

/** What the tour has made so far. */
export interface TourThings {
  readonly cell?: string;
  readonly cell2?: string;
  readonly variable?: string;
  readonly checkpoint?: string;
}

/** A cell to be shown with a step. */
export interface ShownCell {
  readonly layers: readonly Layer[];
  readonly weights: Readonly<Record<string, Tensor>>;
  readonly moment?: Moment;
}

export interface Shown {
  /** What Python prints is this. */
  readonly value?: unknown;
  readonly cell?: ShownCell;
  readonly things?: Partial<TourThings>;
}

/** A part of the tutorial: its lines of Python, what they mean, and the calls that do the same here. */
export interface Stop {
  readonly lines: readonly string[];
  readonly text: TextName;
  readonly run: (api: Api, things: TourThings) => Promise<Shown>;
}

const CLASS = 'SimpleRNNCell';
const constant = (value: number) => ({ class_name: 'Constant', config: { value } });
const config = (recurrent_initializer: unknown, bias_initializer: unknown) => ({
  units: 1,
  activation: null,
  use_bias: true,
  kernel_initializer: 'ones',
  recurrent_initializer,
  bias_initializer,
});

async function shownCell(api: Api, id: string): Promise<ShownCell> {
  const cell = await api.get<Cell>(`v1/cells/${id}`);
  const { weights } = await api.get<WeightsReply>(`v1/cells/${id}/weights`);
  return { layers: layersOf(cell), weights };
}

async function step(api: Api, id: string, x: number, h: number): Promise<Shown> {
  const reply = await api.post<StepReply>(`v1/cells/${id}/steps`, { inputs: [[x]], states: [[[h]]], trace: true });
  return { value: reply.output, cell: { ...(await shownCell(api, id)), moment: momentOf([x], [[h]], reply) } };
}

const assign =
  (update: string, value: number): Stop['run'] =>
  async (api, { variable }) => ({
    value: await api.post(`v1/variables/${variable}/${update}`, { value }),
  });

export const STOPS: readonly Stop[] = [
  {
    lines: [
      'cell = tf.keras.layers.SimpleRNNCell(',
      '    units=1, activation=None, use_bias=True,',
      "    kernel_initializer='ones', recurrent_initializer='ones',",
      '    bias_initializer=tf.keras.initializers.Constant(3))',
    ],
    text: 'tour.cell',
    run: async (api) => {
      const made = await api.post<Cell>('v1/cells', { class_name: CLASS, config: config('ones', constant(3)) });
      return { value: { id: made.id, built: made.built }, things: { cell: made.id } };
    },
  },
  {
    lines: ['cell.build([None, 1])'],
    text: 'tour.build',
    run: async (api, { cell }) => {
      const built = await api.post<Cell>(`v1/cells/${cell}/build`, { input_shape: [null, 1] });
      return {
        value: { built: built.built, parameter_count: built.parameter_count },
        cell: await shownCell(api, built.id),
      };
    },
  },
  {
    lines: ['print(cell.variables)'],
    text: 'tour.variables',
    run: async (api, { cell }) => ({ value: await api.get(`v1/cells/${cell}/variables`) }),
  },
  {
    lines: ['print(cell.get_config())'],
    text: 'tour.config',
    run: async (api, { cell }) => ({ value: await api.get(`v1/cells/${cell}/config`) }),
  },
  {
    lines: ["print(tf.nn.tanh([-float('inf'), 6.0, float('inf')]))"],
    text: 'tour.tanh',
    run: async (api) => ({ value: await api.post('v1/ops/tanh', { inputs: [['-Infinity', 6, 'Infinity']] }) }),
  },
  {
    lines: ['xt = tf.constant([[2.0]])', 'ht_1 = tf.constant([[1.0]])', 'out, ht = cell(xt, ht_1)', 'print(out)'],
    text: 'tour.six',
    run: (api, { cell }) => step(api, cell!, 2, 1),
  },
  {
    lines: [
      'cell2 = tf.keras.layers.SimpleRNNCell(',
      "    units=1, activation=None, use_bias=True, kernel_initializer='ones',",
      '    recurrent_initializer=tf.keras.initializers.Constant(3),',
      "    bias_initializer='ones')",
      'cell2.build([None, 1])',
      'out2, ht2 = cell2(tf.constant([[3.0]]), ht)',
      'print(out2)',
    ],
    text: 'tour.twentytwo',
    run: async (api) => {
      const body = { class_name: CLASS, config: config(constant(3), 'ones'), input_shape: [null, 1] };
      const { id } = await api.post<Cell>('v1/cells', body);
      return { ...(await step(api, id, 3, 6)), things: { cell2: id } };
    },
  },
  {
    lines: ['v = tf.Variable(1.0)', 'print(v)'],
    text: 'tour.variable',
    run: async (api) => {
      const made = await api.post<{ id: string }>('v1/variables', { value: 1 });
      return { value: made, things: { variable: made.id } };
    },
  },
  {
    lines: ['print(v * 2.0)'],
    text: 'tour.multiply',
    run: async (api, { variable }) => ({ value: await api.post('v1/ops/multiply', { inputs: [{ variable }, 2] }) }),
  },
  { lines: ['print(v.assign(2.0))'], text: 'tour.assign', run: assign('assign', 2) },
  { lines: ['print(v.assign_add(0.5))'], text: 'tour.add', run: assign('assign_add', 0.5) },
  { lines: ['print(v.assign_sub(1.25))'], text: 'tour.sub', run: assign('assign_sub', 1.25) },
  {
    lines: ['checkpoint = tf.train.Checkpoint(v=v)', "path = checkpoint.save(DIRECTORY + '/ckpt')"],
    text: 'tour.save',
    run: async (api, { variable }) => {
      const made = await api.post<{ id: string }>('v1/checkpoints', { variables: [variable] });
      return { value: made, things: { checkpoint: made.id } };
    },
  },
  { lines: ['print(v.assign(99.0).numpy())'], text: 'tour.change', run: assign('assign', 99) },
  {
    lines: ['status = checkpoint.restore(path)', 'print(v.numpy())'],
    text: 'tour.restore',
    run: async (api, { checkpoint, variable }) => {
      await api.post(`v1/checkpoints/${checkpoint}/restore`);
      return { value: await api.get(`v1/variables/${variable}`) };
    },
  },
];

/** Deletes what a tour has made. */
export function clearTour(api: Api, things: TourThings): void {
  for (const cell of [things.cell, things.cell2]) if (cell) api.forget(`v1/cells/${cell}?force=true`);
  if (things.variable) api.forget(`v1/variables/${things.variable}`);
  if (things.checkpoint) api.forget(`v1/checkpoints/${things.checkpoint}`);
}
