/** What the service answers, as far as the page reads it. */
export interface Cell {
  readonly id: string;
  readonly framework: string;
  readonly class_name: string;
  readonly config: Config;
  readonly precision: string;
  readonly built: boolean;
  readonly input_shape: readonly (number | null)[] | null;
  readonly state_shapes: readonly (readonly (number | null)[])[];
  /** Of a network. */
  readonly state_names?: readonly string[];
  readonly variables: readonly VariableSummary[];
  readonly parameter_count: number;
  readonly version: number;
  readonly created_at: string;
  readonly updated_at: string;
  readonly imported?: { readonly layers?: readonly string[]; readonly skipped?: readonly Skipped[] };
}

export interface Skipped {
  readonly name: string;
  readonly reason: string;
}

export type Config = Readonly<Record<string, unknown>>;

export interface VariableSummary {
  readonly name: string;
  readonly shape: readonly number[];
  readonly trainable: boolean;
}

export interface Session {
  readonly id: string;
  readonly cell: string;
  readonly cell_version: number;
  readonly batch_size: number;
  readonly step: number;
  readonly states: Tensor[];
  readonly history: number;
  readonly oldest_step: number;
  readonly expires_at: string | null;
  readonly version: number;
  readonly created_at: string;
  readonly updated_at: string;
}

export interface KeptStep {
  readonly step: number;
  readonly output: Tensor;
  readonly states: Tensor[];
}

export interface Checkpoint {
  readonly id: string;
  readonly cells: readonly string[];
  readonly variables: readonly string[];
  readonly sessions: readonly string[];
  readonly bytes: number;
  readonly created_at: string;
}

export interface Page<T> {
  readonly items: readonly T[];
  readonly next_cursor: string | null;
}

/** A tensor in a reply: nested arrays of numbers, and of NaN, Infinity and -Infinity by name. */
export type Tensor = number | string | Tensor[];

export type Trace = Readonly<Record<string, { readonly before: Tensor; readonly after: Tensor }>>;

export interface StepReply {
  readonly output: Tensor;
  readonly states: Tensor[];
  readonly trace?: Trace;
  readonly cell_version: number;
}

export interface WeightsReply {
  readonly weights: Readonly<Record<string, Tensor>>;
  readonly cell_version: number;
}
