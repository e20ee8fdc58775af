import type { GraphInterface } from '../domain/graph.ts';
import { quote } from '../domain/json.ts';
import { fieldProblem, Problem } from '../domain/problems.ts';
import type { Tensor } from '../domain/tensor.ts';
import type { TensorLiteral } from '../domain/tensor-literal.ts';
import type { Cell } from '../services/cells/cell-record.ts';
import type { Change } from '../services/changes/change.ts';
import type { Services } from '../services/index.ts';
import type { PlainStep, StepAnswer } from '../services/sessions/plain-step.ts';
import type { SequenceStep } from '../services/sessions/step-sequence.ts';
import type { NamedTensors } from './infer-body.ts';
import { inputNames, isSequence, outputNames } from './model.ts';
import { type Sequence, sessionIdOf } from './sequence.ts';

/** An infer request, from HTTP or gRPC. */
export interface InferRequest {
  readonly inputs: NamedTensors;
  readonly sequence?: Sequence;
  /** Names of the requested outputs. If left out: all. */
  readonly outputs?: readonly string[];
}

/** The result: the requested outputs in the requested order. */
export interface Inferred {
  readonly cellVersion: number;
  readonly outputs: readonly (readonly [name: string, tensor: Tensor])[];
}

/** How a door answers; see Change. */
export interface InferChange<R> extends Pick<Change<Inferred, R>, 'answer' | 'once'> {
  /** Carries out a step of a sequence together with others, if the door does so. */
  readonly together?: (step: StepOfSequence, change: Change<StepAnswer, R>) => Promise<R>;
}

type StepOfSequence = Pick<PlainStep<never>, 'session' | 'inputs' | 'return_states' | 'sequence'>;

type CellServices = Pick<Services, 'cells' | 'sessions'>;

/** The version of a cell that a request names. @throws {Problem} not-found */
export async function findModel({ cells }: Pick<Services, 'cells'>, id: string, version = ''): Promise<Cell> {
  const cell = await cells.readWeights(id);
  const now = String(cell.record.version);
  if (version === '' || version === now) return cell;
  throw new Problem('not-found', `Cell '${id}' has version ${now}; there is no version ${quote(version)} of it now.`);
}

/**
 * Computes with a cell: a step or a sequence whose states the client carries, or, for a request of a sequence, the next step
 * of a session. A refused request changes nothing.
 */
export async function infer<R>(
  services: CellServices,
  cell: Cell,
  request: InferRequest,
  { answer, once, together }: InferChange<R>,
): Promise<R> {
  const given = givenTo(cell, request.inputs);
  const { pick, needsStates } = pickerOf(cell, request.outputs);
  const { sequence } = request;
  if (!sequence) return answer(pick(await compute(services, cell, given)));
  const result = ({ stepped, cell_version }: StepAnswer) =>
    answer(pick({ outputs: outputsOfStep(stepped), states: stepped.states, cellVersion: cell_version }));
  const session = sessionIdOf(cell.record.id, sequence.id);
  const step = {
    cell: cell.record.id,
    name: `Sequence ${quote(sequence.id)}`,
    ...given.inputs,
    trace: false,
    end: sequence.end,
    ...startOf(given, sequence),
  };
  const change = { answer: result, once };
  // All requests of a sequence go the same way, so that none overtakes another.
  if (!together || !('inputs' in step)) return services.sessions.stepSequence(session, step, change);
  return together({ session, inputs: step.inputs, return_states: needsStates, sequence: step }, change);
}

/** The rows of a request, which the statistics count. */
export function rowsOf(cell: Cell, inputs: NamedTensors): number {
  return batchOf(cell, inputs);
}

function outputsOfStep({ output, outputs }: Pick<StepAnswer['stepped'], 'output' | 'outputs'>): readonly Tensor[] {
  return outputs ? Object.values(outputs) : [output];
}

interface Given {
  readonly inputs:
    | { readonly inputs: TensorLiteral }
    | { readonly named_inputs: Readonly<Record<string, TensorLiteral>> };
  readonly rank: number;
  readonly batch: number;
  readonly states?: readonly (TensorLiteral | null)[];
}

/** @throws {Problem} invalid-request for a name that the cell does not take */
function givenTo(cell: Cell, sent: NamedTensors): Given {
  const names = inputNames(cell.definition);
  for (const name of sent.keys()) {
    if (names.includes(name)) continue;
    const detail = `Unexpected inference input ${quote(name)} for cell '${cell.record.id}'. Send ${names.join(', ')}.`;
    throw fieldProblem('invalid-request', '/inputs', detail);
  }
  const { graph } = cell.definition;
  const wanted = graph ? graph.inputs.map(({ name }) => name) : ['inputs'];
  const given = wanted.map((name): [string, TensorLiteral] => {
    const literal = sent.get(name);
    if (literal) return [name, literal];
    throw fieldProblem('invalid-request', '/inputs', `The request has no input '${name}'. Send it.`);
  });
  const inputs = graph ? { named_inputs: Object.fromEntries(given) } : { inputs: given[0][1] };
  const rank = given.at(0)?.[1].shape.length ?? 0;
  const all = { inputs, rank, batch: batchOf(cell, sent) };
  if (sent.size === wanted.length) return all;
  return { ...all, states: names.slice(wanted.length).map((name) => sent.get(name) ?? null) };
}

/** @throws {Problem} invalid-request if states are sent for a sequence, which has its own */
function startOf({ batch, states }: Given, { start, ttlSeconds }: Sequence): Pick<SequenceStep, 'start'> {
  if (start) {
    if (batch === 0)
      throw fieldProblem('wrong-shape', '/inputs', 'A sequence has one row or more; these inputs have 0.');
    const initial = states ? { initial_state: { list: states } } : {};
    return { start: { batch_size: batch, ttl_seconds: ttlSeconds, ...initial } };
  }
  if (!states) return {};
  const detail = 'The sequence has its own states. Leave them out, or send sequence_start: true to begin with these.';
  throw fieldProblem('invalid-request', '/inputs', detail);
}

function batchOf(cell: Cell, sent: NamedTensors): number {
  const { layout, graph } = cell.definition;
  if (graph) return graphBatchOf(graph, sent);
  const shape = sent.get('inputs')?.shape ?? [];
  return (isSequence(cell, shape.length) && layout.timeMajor ? shape[1] : shape[0]) ?? 1;
}

/** Rows of the first input that has any. */
function graphBatchOf({ inputs }: GraphInterface, sent: NamedTensors): number {
  const input = inputs.find(({ name, rows }) => rows !== null && sent.has(name));
  const shape = input && sent.get(input.name)?.shape;
  if (!input || !shape) return 1;
  const { rows } = input;
  // The time axis of a sequence comes after the axis of the rows, or first.
  return shape[shape.length > input.shape.length && rows !== 0 ? Number(rows) + 1 : Number(rows)] ?? 1;
}

interface Computed {
  readonly outputs: readonly Tensor[];
  readonly states: readonly Tensor[];
  readonly cellVersion: number;
}

async function compute({ cells }: CellServices, cell: Cell, { inputs, rank, states }: Given): Promise<Computed> {
  const { id } = cell.record;
  const list = states && { list: states };
  if (isSequence(cell, rank)) {
    const run = await cells.sequence(id, { ...inputs, trace: false, ...(list ? { initial_state: list } : {}) });
    return run.named ? { ...run, outputs: Object.values(run.named) } : run;
  }
  const stepped = await cells.step(id, { ...inputs, trace: false, ...(list ? { states: list } : {}) });
  return { ...stepped, outputs: outputsOfStep(stepped) };
}

interface Picker {
  readonly pick: (computed: Computed) => Inferred;
  readonly needsStates: boolean;
}

/** Picks the requested outputs of a result. @throws {Problem} invalid-request for an unknown output */
function pickerOf(cell: Cell, asked: readonly string[] | undefined): Picker {
  const names = outputNames(cell.definition);
  const wanted = asked && asked.length > 0 ? asked : names;
  const places = wanted.map((name, i) => {
    const place = names.indexOf(name);
    if (wanted.indexOf(name) < i) {
      const detail = `Output ${quote(name)} is asked for twice. Ask for it once.`;
      throw fieldProblem('invalid-request', `/outputs/${i}/name`, detail);
    }
    if (place >= 0) return place;
    const detail = `Unexpected inference output ${quote(name)} for cell '${cell.record.id}'. Ask for ${names.join(', ')}.`;
    throw fieldProblem('invalid-request', `/outputs/${i}/name`, detail);
  });
  const pick = ({ outputs, states, cellVersion }: Computed) => {
    const tensors = [...outputs, ...states];
    return { cellVersion, outputs: wanted.map((name, i) => [name, tensors[places[i]]] as const) };
  };
  const firstState = names.length - cell.definition.stateGroups.length;
  return { pick, needsStates: places.some((place) => place >= firstState) };
}
