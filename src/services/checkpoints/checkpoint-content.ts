import type { SessionRecord } from '../../domain/session.ts';
import type { Tensor } from '../../domain/tensor.ts';
import type { Cell, CellRecord, CellVariable } from '../cells/cell-record.ts';
import type { Session } from '../sessions/session-record.ts';
import type { StoredVariable, VariableRecord } from '../variables/stand-alone-variables.ts';

export type SavedCell = Pick<
  CellRecord,
  'id' | 'framework' | 'class_name' | 'config' | 'precision' | 'initializer_seeds' | 'input_shape'
> & { readonly variables: readonly Pick<CellVariable, 'name' | 'trainable'>[] };
export type SavedVariable = Pick<VariableRecord, 'id' | 'trainable'>;
export type SavedSession = Pick<SessionRecord, 'id' | 'cell' | 'batch_size' | 'step' | 'ttl_seconds'> & {
  readonly states: number;
  /** Steps that it keeps; its history itself is not saved. */
  readonly history?: number;
  /** The version of its cell that it stays on, by its name among `pinned` of the manifest. */
  readonly pinned?: string;
  /** Set where the session keeps the output of its last step. */
  readonly output?: true;
};

/** A version of a cell that sessions are pinned to, with weights that need not be those of the cell. */
export interface SavedPin {
  readonly cell: string;
  readonly name: string;
  readonly version: number;
  readonly input_shape: readonly (number | null)[];
  readonly variables: readonly string[];
}

/** What a checkpoint holds, without the values. */
export interface Manifest {
  readonly format: 1;
  readonly cells: readonly SavedCell[];
  readonly variables: readonly SavedVariable[];
  readonly sessions: readonly SavedSession[];
  readonly pinned?: readonly SavedPin[];
}

export interface Snapshot {
  readonly manifest: Manifest;
  readonly tensors: ReadonlyMap<string, Tensor>;
}

/** Turns snapshots into portable files and back. @throws {Problem} invalid-file from `decode` for anything else. */
export interface SnapshotCodec {
  encode(snapshot: Snapshot): Uint8Array;
  decode(bytes: Uint8Array): Snapshot;
}

/** Names of the tensors of a checkpoint file. */
export const tensorName = {
  cell: (id: string, variable: string) => `cells/${id}/${variable}`,
  pinned: (cell: string, name: string, variable: string) => `pinned/${cell}/${name}/${variable}`,
  variable: (id: string) => `variables/${id}`,
  session: (id: string, state: number) => `sessions/${id}/states.${state}`,
  sessionOutput: (id: string) => `sessions/${id}/output`,
};

export interface SavedThings {
  readonly cells: readonly Cell[];
  readonly variables: readonly StoredVariable[];
  readonly sessions: readonly Pick<Session, 'record' | 'states' | 'output'>[];
  /** The versions that sessions are pinned to, once each. */
  readonly pinned: readonly Cell[];
}

export function takeSnapshot({ cells, variables, sessions, pinned }: SavedThings): Snapshot {
  const tensors = new Map<string, Tensor>();
  const saveCell = ({ record, weights }: Cell): SavedCell => {
    for (const { name } of record.variables) tensors.set(tensorName.cell(record.id, name), weights[name]);
    const { id, framework, class_name, config, precision, initializer_seeds, input_shape } = record;
    const names = record.variables.map(({ name, trainable }) => ({ name, trainable }));
    return { id, framework, class_name, config, precision, initializer_seeds, input_shape, variables: names };
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

/** The names of all tensors that a checkpoint with this manifest has. */
export function tensorNames({ cells, variables, sessions, pinned = [] }: Manifest): string[] {
  return [
    ...cells.flatMap(({ id, variables: own }) => own.map(({ name }) => tensorName.cell(id, name))),
    ...variables.map(({ id }) => tensorName.variable(id)),
    ...pinned.flatMap(({ cell, name, variables: own }) => own.map((one) => tensorName.pinned(cell, name, one))),
    ...sessions.flatMap(({ id, states, output }) => [
      ...Array.from({ length: states }, (_, i) => tensorName.session(id, i)),
      ...(output ? [tensorName.sessionOutput(id)] : []),
    ]),
  ];
}
