import type { GraphFeed, GraphInterface, GraphRequest, GraphResult, GraphRow, GraphValue } from '../../domain/graph.ts';
import { fieldProblem, Problem } from '../../domain/problems.ts';
import { formatShape, type Shape, sameShape, Tensor, zeros } from '../../domain/tensor.ts';
import { counted } from '../../domain/words.ts';
import type { Cell } from '../cells/cell-record.ts';
import type { Context } from '../context.ts';
import { bytesOf, requireWorkOfOne } from '../limits.ts';
import {
  type GivenInputs,
  type GraphInputs,
  readGraphInputs,
  rowsOfInputs,
  type SentValue,
  timeAxisOf,
} from './graph-inputs.ts';
import { joinAxis, sliceAxis, swapTime } from './layout.ts';
import type { CallRequest } from './prepare-call.ts';

/** Runs of the graph that one request may ask for. */
const MAX_RUNS = 10_000;
/** What a run counts for before it is done, besides a multiply-add for each weight. We take the whole file for weights. */
const RUN_WORK = 50_000;
/** What a second of a process counts: a multiply-add for each nanosecond. */
const SECOND_WORK = 1e9;
const BYTES_PER_WEIGHT = 4;

export type GraphCall = GivenInputs & Pick<CallRequest, 'mask' | 'sequence_lengths' | 'trace' | 'training'>;

/** What came of the runs of a request. */
export interface GraphRun {
  /** Undefined for a single step. */
  readonly time: number | undefined;
  /** All outputs by name, all steps of a sequence together. */
  readonly outputs: Readonly<Record<string, Tensor>>;
  /** The states after each step that was asked for, or after the last one alone. */
  readonly states: readonly (readonly Tensor[])[];
  /** The first output of each step. */
  readonly first: readonly Tensor[];
}

/** How the requests to a graph differ. */
export interface GraphCallKind {
  /** The states to start from, for so many rows; `undefined` where the inputs do not tell. */
  states(rows: number | undefined): readonly Tensor[] | Promise<readonly Tensor[]>;
  readonly everyState: boolean;
}

export type GraphContext = Pick<Context, 'store' | 'limits' | 'ops' | 'spendWork' | 'addWork' | 'caller' | 'cells'>;

/** A request to a graph that is checked. */
export interface ReadyGraphCall {
  readonly inputs: GraphInputs;
  readonly states: readonly Tensor[];
  readonly rows: readonly GraphRow[];
}

/**
 * Runs a graph on the inputs of a request, a step or a sequence.
 * @throws {Problem} as prepareGraphCall, graph-failed
 */
export async function runGraph(
  context: GraphContext,
  cell: Cell,
  call: GraphCall,
  kind: GraphCallKind,
): Promise<GraphRun> {
  return runReady(context, cell, await prepareGraphCall(context, cell, call, kind), kind.everyState);
}

/** @throws {Problem} graph-failed */
export async function runReady(
  context: GraphContext,
  cell: Cell,
  ready: ReadyGraphCall,
  everyState: boolean,
): Promise<GraphRun> {
  const results = ready.inputs.time === 0 ? [] : await run(context, cell, { rows: ready.rows, everyState });
  return together(graphOf(cell), ready, results);
}

/**
 * Makes a request ready to run. Each row has a run of its own, since what a runtime computes for a row may depend on the rows
 * beside it.
 * @throws {Problem} invalid-value, wrong-shape, limit-exceeded
 */
export async function prepareGraphCall(
  context: GraphContext,
  cell: Cell,
  call: GraphCall,
  kind: Pick<GraphCallKind, 'states'>,
): Promise<ReadyGraphCall> {
  const graph = graphOf(cell);
  refuseOptions(call);
  const inputs = await readGraphInputs(context, graph, call);
  const states = await kind.states(rowsOfInputs(inputs));
  const rows = rowCount(graph, states, inputs);
  if (rows === 0) throw fieldProblem('wrong-shape', '/inputs', 'The inputs have 0 rows. Send one or more.');
  const { time = 1 } = inputs;
  if (rows * time > MAX_RUNS) {
    const detail = `This asks for ${rows * time} runs of the graph, over the limit of ${MAX_RUNS} a request. Send less at once.`;
    throw fieldProblem('limit-exceeded', '/inputs', detail);
  }
  requireWorkOfOne(rows * time * (RUN_WORK + (cell.graph?.length ?? 0) / BYTES_PER_WEIGHT), context.limits, '/inputs');
  // What it takes is counted when it is done. It is let in while the tenant has work left.
  context.spendWork(0);
  const given = inputs.values.map(feedOf);
  const asked = Array.from({ length: rows }, (_, row) => ({
    runs: time,
    inputs: given.map((feed, i) => rowOfFeed(graph.inputs[i], feed, row, rows)),
    states: states.map((state, i) => rowOf(graph.states[i], state, row, rows)),
  }));
  return { inputs, states, rows: asked };
}

/** Whether a step can go with another one of its session in one request to the runtime. */
export function fitsTogether(a: ReadyGraphCall, b: ReadyGraphCall): boolean {
  const shapesOf = ({ rows: [{ inputs }] }: ReadyGraphCall) => inputs.map(({ tensor }) => tensor.shape);
  const others = shapesOf(b);
  const isStep = a.inputs.time === undefined && b.inputs.time === undefined;
  return isStep && shapesOf(a).every((shape, i) => sameShape(shape, others[i]));
}

/**
 * Runs steps that follow one another, as one request: each takes the states that the one before gave. What came of each of them, or
 * why it has no result; of those behind it nothing.
 * @throws {Problem} graph-failed where any of them fails
 */
export async function runGraphSteps(
  context: GraphContext,
  cell: Cell,
  steps: readonly ReadyGraphCall[],
): Promise<(GraphRun | Problem)[]> {
  const rows = steps[0].rows.map(({ inputs, states }, row) => ({
    runs: steps.length,
    inputs: inputs.map((_, i) => ({
      tensor: stacked(steps.map((step) => step.rows[row].inputs[i].tensor)),
      perRun: true,
    })),
    states,
  }));
  const results = await run(context, cell, { rows, everyState: true, isJoined: true });
  const runs: (GraphRun | Problem)[] = [];
  for (const [k, step] of steps.entries()) {
    const own = results.map(({ outputs, states }) => ({ outputs: [outputs[k]], states: [states[k]] }));
    try {
      runs.push(together(graphOf(cell), step, own));
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      return [...runs, error];
    }
  }
  return runs;
}

async function run(context: GraphContext, cell: Cell, request: GraphRequest): Promise<readonly GraphResult[]> {
  const prepared = context.cells.prepareGraph(cell);
  const results = await prepared.run(request, (seconds) => context.addWork(seconds * SECOND_WORK));
  // How large they are is not known before.
  const tensors = results.flatMap(({ outputs, states }) => [...outputs, ...states].flat());
  context.caller().holdResult(bytesOf(tensors));
  return results;
}

function graphOf({ definition: { graph }, record: { id } }: Cell): GraphInterface {
  if (!graph) throw new Error(`cell '${id}' is not a graph`);
  return graph;
}

/** @throws {Problem} invalid-value for options that graphs do not have */
function refuseOptions({ mask, sequence_lengths, trace, training }: GraphCall): void {
  if ((mask ?? sequence_lengths ?? training) === undefined && !trace) return;
  const named = { mask, sequence_lengths, trace: trace || undefined, training };
  const option = Object.entries(named).find(([, value]) => value !== undefined)?.[0];
  if (option === undefined) return;
  throw fieldProblem('invalid-value', `/${option}`, `A whole ONNX graph takes no ${option}. Leave it out.`);
}

/** Rows of a batch: of its states, or of its inputs if it has no states. */
function rowCount({ states: own }: GraphInterface, states: readonly Tensor[], inputs: GraphInputs): number {
  const at = own.findIndex(({ rows }) => rows !== null);
  if (at < 0) return own.length > 0 ? 1 : (rowsOfInputs(inputs) ?? 1);
  return states[at].shape[own[at].rows ?? 0];
}

/** With the axis of time first. */
function feedOf({ tensor, timeAxis }: SentValue): GraphFeed {
  return { tensor: timeAxis === 1 ? swapTime(tensor, true) : tensor, perRun: timeAxis !== undefined };
}

function rowOfFeed({ rows: axis }: GraphValue, { tensor, perRun }: GraphFeed, row: number, rows: number): GraphFeed {
  const own = axis !== null && perRun ? axis + 1 : axis;
  return { tensor: rowOf({ rows: own }, tensor, row, rows), perRun };
}

/** One row of a batch; a batch of one is taken as it is. */
function rowOf({ rows: axis }: Pick<GraphValue, 'rows'>, tensor: Tensor, row: number, rows: number): Tensor {
  return axis === null || rows === 1 ? tensor : sliceAxis(tensor, axis, row, row + 1);
}

/** The results of all rows and steps together. */
function together(
  graph: GraphInterface,
  { inputs: { time }, states: before }: ReadyGraphCall,
  results: readonly GraphResult[],
): GraphRun {
  const steps = results[0]?.outputs.map((_, step) => results.map(({ outputs }) => outputs[step])) ?? [];
  const outputs = steps.map((rows) =>
    graph.outputs.map((value, i) =>
      joinRows(
        value,
        rows.map((row) => row[i]),
      ),
    ),
  );
  const states = (results[0]?.states ?? []).map((_, step) =>
    graph.states.map((state, i) => {
      const next = joinRows(
        state,
        results.map((result) => result.states[step][i]),
      );
      requireState(state.output, next, before[i]);
      return next;
    }),
  );
  const named = graph.outputs.map((value, i) => {
    const parts = outputs.map((step) => step[i]);
    return [value.name, time === undefined ? parts[0] : joinSteps(value, parts)] as const;
  });
  return {
    time,
    outputs: Object.fromEntries(named),
    states: states.length > 0 ? states : [before],
    first: outputs.map(([first]) => first),
  };
}

/** @throws {Problem} graph-failed where the rows differ in shape */
function joinRows(value: GraphValue, rows: readonly Tensor[]): Tensor {
  if (rows.length === 1) return rows[0];
  requireAlike(value.name, rows, 'rows');
  return value.rows === null ? stacked(rows) : joinAxis(rows, value.rows);
}

function joinSteps(value: GraphValue, steps: readonly Tensor[]): Tensor {
  if (steps.length === 0) {
    const shape = value.shape.map((extent) => Number(extent) || 1).toSpliced(timeAxisOf(value), 0, 0);
    return zeros(value.dtype, shape);
  }
  requireAlike(value.name, steps, 'steps');
  const axis = Math.min(timeAxisOf(value), steps[0].shape.length);
  return stacked(steps, axis);
}

/** As one tensor with a new axis. */
function stacked(parts: readonly Tensor[], axis = 0): Tensor {
  const widened = parts.map(({ dtype, shape, data }) => new Tensor(dtype, shape.toSpliced(axis, 0, 1), data));
  return joinAxis(widened, axis);
}

function requireAlike(name: string, parts: readonly Tensor[], what: 'rows' | 'steps'): void {
  const odd = parts.find(({ shape }) => !sameShape(shape, parts[0].shape));
  if (!odd) return;
  const detail = `The output '${name}' has the shapes ${formatShape(parts[0].shape)} and ${formatShape(odd.shape)} in ${counted(parts.length, what.slice(0, -1))}, which do not stand together. Send the ${what} one by one.`;
  throw new Problem('graph-failed', detail);
}

/** @throws {Problem} wrong-shape where a new state cannot take the place of the former one */
function requireState(output: string, next: Tensor, before: Tensor): void {
  if (next.dtype === before.dtype && sameShape(next.shape, before.shape)) return;
  const text = ({ dtype, shape }: { dtype: string; shape: Shape }) => `${dtype} ${formatShape(shape)}`;
  const detail = `The graph gave '${output}' as ${text(next)} where the state is ${text(before)}. Send inputs with as many rows as the states.`;
  throw fieldProblem('wrong-shape', '/inputs', detail);
}
