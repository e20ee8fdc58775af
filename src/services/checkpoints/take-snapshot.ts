import {
  type Manifest,
  type SavedCell,
  type SavedOptimizer,
  type SavedPin,
  type SavedSession,
  type SavedVariable,
  type Snapshot,
  tensorName,
} from '../../domain/snapshot.ts';
import type { Tensor } from '../../domain/tensor.ts';
import type { Cell } from '../cells/cell-record.ts';
import type { Session } from '../sessions/session-record.ts';
import { type StoredOptimizer, slotName, splitSlotName } from '../training/optimizer-record.ts';
import type { StoredVariable } from '../variables/stand-alone-variables.ts';
import { wordsOf } from './graph-words.ts';
import type { TrainedCell } from './read-trained-cell.ts';

export interface SavedThings {
  readonly cells: readonly TrainedCell[];
  readonly variables: readonly StoredVariable[];
  readonly sessions: readonly Pick<Session, 'record' | 'states' | 'output'>[];
  /** The versions that sessions are pinned to, once each. */
  readonly pinned: readonly Cell[];
}

export function takeSnapshot({ cells, variables, sessions, pinned }: SavedThings): Snapshot {
  const tensors = new Map<string, Tensor>();
  const saveOptimizer = (cell: string, { record, slots }: StoredOptimizer): SavedOptimizer => {
    const names = Object.keys(slots).map(splitSlotName);
    for (const { variable, name } of names) {
      tensors.set(tensorName.optimizer(cell, variable, name), slots[slotName(variable, name)]);
    }
    const { class_name, config, iteration } = record;
    return { class_name, config, iteration, slots: names };
  };
  const saveCell = ({ record, weights, optimizer, graph }: TrainedCell): SavedCell => {
    // The variables of a graph are in its file.
    const variables = graph ? [] : record.variables;
    if (graph) tensors.set(tensorName.graph(record.id), wordsOf(graph));
    for (const { name } of variables) tensors.set(tensorName.cell(record.id, name), weights[name]);
    const { id, framework, class_name, config, precision, initializer_seeds, input_shape } = record;
    const names = variables.map(({ name, trainable }) => ({ name, trainable }));
    const fields = { id, framework, class_name, config, precision, initializer_seeds, input_shape, variables: names };
    const saved = graph ? { ...fields, graph: { bytes: graph.length } } : fields;
    return optimizer ? { ...saved, optimizer: saveOptimizer(id, optimizer) } : saved;
  };
  const saveVariable = ({ record: { id, trainable }, value }: StoredVariable): SavedVariable => {
    tensors.set(tensorName.variable(id), value);
    return { id, trainable };
  };
  const saveSession = ({ record, states, output }: SavedThings['sessions'][number]): SavedSession => {
    const { id, cell, batch_size, step, ttl_seconds, history, pinned: pin } = record;
    states.forEach((state, i) => {
      tensors.set(tensorName.session(id, i), state);
    });
    const options = { ...(history ? { history: history.limit } : {}), ...(pin === undefined ? {} : { pinned: pin }) };
    const saved = { id, cell, batch_size, step, ttl_seconds, states: states.length, ...options };
    if (!output) return saved;
    tensors.set(tensorName.sessionOutput(id), output);
    return { ...saved, output: true };
  };
  const savePinned = ({ record, weights, pinned: name = '' }: Cell): SavedPin => {
    const names = record.variables.map((variable) => variable.name);
    for (const variable of names) tensors.set(tensorName.pinned(record.id, name, variable), weights[variable]);
    const { version, input_shape } = record;
    return { cell: record.id, name, version, input_shape: input_shape ?? [], variables: names };
  };
  const manifest: Manifest = {
    format: 1,
    cells: cells.map(saveCell),
    variables: variables.map(saveVariable),
    sessions: sessions.map(saveSession),
    ...(pinned.length > 0 ? { pinned: pinned.map(savePinned) } : {}),
  };
  return { manifest, tensors };
}
