import { type Bytes, ElementBytes } from '../../domain/bytes.ts';
import type { NamedShape } from '../../domain/files.ts';
import {
  type SavedCell,
  type SavedOptimizer,
  type SavedPin,
  type SavedSession,
  type SavedVariable,
  tensorName,
} from '../../domain/snapshot.ts';
import type { Tensor } from '../../domain/tensor.ts';
import type { Cell } from '../cells/cell-record.ts';
import type { Session } from '../sessions/session-record.ts';
import { type StoredOptimizer, slotName, splitSlotName } from '../training/optimizer-record.ts';
import type { StoredVariable } from '../variables/stand-alone-variables.ts';
import { wordsOf } from './graph-words.ts';
import type { TrainedCell } from './read-trained-cell.ts';

/** A tensor of a checkpoint, whose bytes are made when they are written. */
export interface TakenTensor extends NamedShape {
  readonly bytes: Bytes;
}

/** What a checkpoint has of one thing. */
export interface Taken<Saved> {
  readonly saved: Saved;
  readonly tensors: readonly TakenTensor[];
}

function taken(name: string, tensor: Tensor): TakenTensor {
  return { name, dtype: tensor.dtype, shape: tensor.shape, bytes: new ElementBytes(tensor) };
}

export function takeCell({ record, weights, optimizer, graph }: TrainedCell): Taken<SavedCell> {
  const { id, framework, class_name, config, precision, initializer_seeds, input_shape } = record;
  // The variables of a graph are in its file.
  const variables = graph ? [] : record.variables;
  const names = variables.map(({ name, trainable }) => ({ name, trainable }));
  const fields = { id, framework, class_name, config, precision, initializer_seeds, input_shape, variables: names };
  const slots = optimizer && takeOptimizer(id, optimizer);
  return {
    saved: {
      ...fields,
      ...(graph ? { graph: { bytes: graph.length } } : {}),
      ...(slots ? { optimizer: slots.saved } : {}),
    },
    tensors: [
      ...(graph ? [{ name: tensorName.graph(id), ...wordsOf(graph) }] : []),
      ...names.map(({ name }) => taken(tensorName.cell(id, name), weights[name])),
      ...(slots?.tensors ?? []),
    ],
  };
}

function takeOptimizer(cell: string, { record, slots }: StoredOptimizer): Taken<SavedOptimizer> {
  const names = Object.keys(slots).map(splitSlotName);
  const { class_name, config, iteration } = record;
  return {
    saved: { class_name, config, iteration, slots: names },
    tensors: names.map(({ variable, name }) =>
      taken(tensorName.optimizer(cell, variable, name), slots[slotName(variable, name)]),
    ),
  };
}

export function takeVariable({
  record: { id, trainable },
  value,
}: Omit<StoredVariable, 'revision'>): Taken<SavedVariable> {
  return { saved: { id, trainable }, tensors: [taken(tensorName.variable(id), value)] };
}

export function takeSession({ record, states, output }: Omit<Session, 'revision'>): Taken<SavedSession> {
  const { id, cell, batch_size, step, ttl_seconds, history, pinned: pin } = record;
  const options = { ...(history ? { history: history.limit } : {}), ...(pin === undefined ? {} : { pinned: pin }) };
  const saved = { id, cell, batch_size, step, ttl_seconds, states: states.length, ...options };
  const tensors = states.map((state, i) => taken(tensorName.session(id, i), state));
  if (!output) return { saved, tensors };
  return {
    saved: { ...saved, output: true },
    tensors: [...tensors, taken(tensorName.sessionOutput(id), output)],
  };
}

/** A version that sessions are pinned to. */
export function takePinned({ record, weights, pinned: name = '' }: Cell): Taken<SavedPin> {
  const { id, version, input_shape } = record;
  const variables = record.variables.map((variable) => variable.name);
  return {
    saved: { cell: id, name, version, input_shape: input_shape ?? [], variables },
    tensors: variables.map((variable) => taken(tensorName.pinned(id, name, variable), weights[variable])),
  };
}
