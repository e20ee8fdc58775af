import type { JsonObject } from './json.ts';
import type { Precision } from './ports.ts';
import type { SessionRecord } from './session.ts';

/** The content of a checkpoint without the values, which are tensors named by `tensorName`. */
export interface Manifest {
  readonly format: 1;
  readonly cells: readonly SavedCell[];
  readonly variables: readonly SavedVariable[];
  readonly sessions: readonly SavedSession[];
  readonly pinned?: readonly SavedPin[];
}

export interface SavedCell {
  readonly id: string;
  readonly framework: string;
  readonly class_name: string;
  readonly config: JsonObject;
  readonly precision: Precision;
  readonly initializer_seeds: Readonly<Record<string, number>>;
  readonly input_shape: readonly (number | null)[] | null;
  readonly variables: readonly { readonly name: string; readonly trainable: boolean }[];
  /** Set where the cell is a whole graph: the bytes of its file, whose tensor has them as int32 words, the last one padded. */
  readonly graph?: { readonly bytes: number };
  /** Absent if the cell was not trained, and in older checkpoints. */
  readonly optimizer?: SavedOptimizer;
}

/** The optimizer of a cell's training. */
export interface SavedOptimizer {
  readonly class_name: string;
  readonly config: JsonObject;
  readonly iteration: number;
  /** Its slots: by the name of the variable, then of the slot. */
  readonly slots: readonly { readonly variable: string; readonly name: string }[];
}

export interface SavedVariable {
  readonly id: string;
  readonly trainable: boolean;
}

export type SavedSession = Pick<SessionRecord, 'id' | 'cell' | 'batch_size' | 'step' | 'ttl_seconds'> & {
  readonly states: number;
  /** Steps that it keeps; its history itself is not saved. */
  readonly history?: number;
  /** The version of its cell that it stays on, by its name among `pinned` of the manifest. */
  readonly pinned?: string;
  /** Set if the session keeps the output of its last step. */
  readonly output?: true;
};

/** A version of a cell that sessions are pinned to. Its weights may differ from the cell's. */
export interface SavedPin {
  readonly cell: string;
  readonly name: string;
  readonly version: number;
  readonly input_shape: readonly (number | null)[];
  readonly variables: readonly string[];
}

/** Names of the tensors of a checkpoint file. */
export const tensorName = {
  cell: (id: string, variable: string) => `cells/${id}/${variable}`,
  graph: (id: string) => `graphs/${id}`,
  optimizer: (cell: string, variable: string, slot: string) => `optimizers/${cell}/${variable}/${slot}`,
  pinned: (cell: string, name: string, variable: string) => `pinned/${cell}/${name}/${variable}`,
  variable: (id: string) => `variables/${id}`,
  session: (id: string, state: number) => `sessions/${id}/states.${state}`,
  sessionOutput: (id: string) => `sessions/${id}/output`,
};

/** The names of all tensors that a checkpoint with this manifest has. */
export function tensorNames({ cells, variables, sessions, pinned = [] }: Manifest): string[] {
  return [
    ...cells.flatMap(({ id, variables: own }) => own.map(({ name }) => tensorName.cell(id, name))),
    ...cells.flatMap(({ id, graph }) => (graph ? [tensorName.graph(id)] : [])),
    ...cells.flatMap(({ id, optimizer }) =>
      (optimizer?.slots ?? []).map(({ variable, name }) => tensorName.optimizer(id, variable, name)),
    ),
    ...variables.map(({ id }) => tensorName.variable(id)),
    ...pinned.flatMap(({ cell, name, variables: own }) => own.map((one) => tensorName.pinned(cell, name, one))),
    ...sessions.flatMap(({ id, states, output }) => [
      ...Array.from({ length: states }, (_, i) => tensorName.session(id, i)),
      ...(output ? [tensorName.sessionOutput(id)] : []),
    ]),
  ];
}
