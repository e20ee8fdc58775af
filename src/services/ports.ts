import type { CurrentCaller } from '../domain/caller.ts';
import type { GraphFiles } from '../domain/graph.ts';
import type { JsonObject } from '../domain/json.ts';
import type { Limits } from '../domain/limits.ts';
import type { Backoff, BeginStage, Clock, NewId, NewSeed, Stepper, Store } from '../domain/ports.ts';
import type { InitializerSpec } from '../domain/program.ts';
import type { Dtype, Shape, Tensor } from '../domain/tensor.ts';
import type { TensorLiteral } from '../domain/tensor-literal.ts';

/** Draws the first value of a variable by an initializer whose seed is set. */
export type Initialize = (spec: InitializerSpec, shape: Shape, dtype: Dtype) => Promise<Tensor>;

/** Whole numbers from [low, high), as NumPy's randint draws them. */
export type Randint = (low: number, high: number, size: Shape, seed: number) => Promise<Tensor>;

/** The operations on tensors, by name. */
export interface Ops {
  readonly list: readonly OpSummary[];
  /** At most what an operation costs, in multiply-adds of a matrix product. */
  workOf(op: string, inputs: readonly Pick<Tensor, 'shape' | 'dtype'>[]): number;
  /** Rejects with a Problem: not-found, invalid-value, wrong-shape, overloaded. */
  /** Nobody reads those of the inputs again that are `own`. */
  apply(op: string, inputs: readonly Tensor[], params: JsonObject, own?: ReadonlySet<Tensor>): Promise<Tensor>;
  /** The same values in another dtype. @throws {Problem} value-out-of-range */
  cast(tensor: Tensor, dtype: Dtype): Promise<Tensor>;
  /** What a request sent, in the dtype that it is for. @throws {Problem} as literalToTensor */
  read(literal: TensorLiteral, dtype: Dtype, pointer: string): Tensor | Promise<Tensor>;
  /** A sum or a difference, as a variable's new value. @throws {Problem} wrong-shape, invalid-value */
  combine(kind: 'assign_add' | 'assign_sub', current: Tensor, value: Tensor): Promise<Tensor>;
}

export interface OpSummary {
  readonly name: string;
  readonly formula: string;
  readonly inputs: number;
  /** Parameters with their defaults; null for no default. */
  readonly params: JsonObject;
}

/** The parts of the service: storage, computation, time, randomness and limits. */
export interface Ports {
  readonly store: Store;
  readonly stepper: Stepper;
  readonly initialize: Initialize;
  readonly randint: Randint;
  readonly ops: Ops;
  readonly graphFiles: GraphFiles;
  readonly clock: Clock;
  readonly newId: NewId;
  readonly newSeed: NewSeed;
  readonly backoff: Backoff;
  readonly limits: Limits;
  /** Left out where nothing is traced. */
  readonly beginStage?: BeginStage;
  /** Counts multiply-adds of the tenant before they are done. @throws {Problem} quota-exceeded */
  readonly spendWork: (work: number) => void;
  /** Counts multiply-adds of the tenant that are done: what they would be was not known before. */
  readonly addWork: (work: number) => void;
  readonly caller: CurrentCaller;
  /** Does work for the same caller. What it holds is free when it is over. */
  readonly apart: <T>(work: () => Promise<T>) => Promise<T>;
  /** Does work that reads a lot: few at once, and clients take turns. @throws {Problem} overloaded, client-gone */
  readonly inTurn: <T>(work: () => Promise<T>) => Promise<T>;
}
