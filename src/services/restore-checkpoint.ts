import type { CellDefinition, VariableSpec, Weights } from '../domain/cell-definition.ts';
import { stateShape } from '../domain/cell-definition.ts';
import { requireVersion } from '../domain/conditions.ts';
import { defineCell } from '../domain/define-cell.ts';
import { type FieldError, Problem } from '../domain/problems.ts';
import { isExpired } from '../domain/session.ts';
import { BYTES_PER_ELEMENT, formatShape, sameShape, type Tensor, toFloat64 } from '../domain/tensor.ts';
import type { TensorLiteral } from '../domain/tensor-literal.ts';
import { type Cell, freshVariables } from './cell-record.ts';
import type { CellReader } from './cells.ts';
import type { Changer, Decision, Mutation } from './change.ts';
import {
  type SavedCell,
  type SavedSession,
  type SavedVariable,
  type Snapshot,
  type SnapshotCodec,
  tensorName,
} from './checkpoint-content.ts';
import { readCheckpoint, readCheckpointContent } from './checkpoints.ts';
import type { Context } from './context.ts';
import { createCell } from './create-cell.ts';
import { type NewSession, openSession } from './open-session.ts';
import { changeCellWrites } from './pinned-versions.ts';
import { requireHistoryRoom } from './session-history.ts';
import { findSession, type Session } from './session-record.ts';
import { changeSession, startOver } from './sessions.ts';
import { encodeVariable, findVariable, variableKeyOf } from './stand-alone-variables.ts';

type Needs = Omit<Context, 'stepper' | 'ops'> & { readonly checkpointCodec: SnapshotCodec };
type VariableFit = Pick<VariableSpec, 'name' | 'shape' | 'dtype'>;
type Kind = 'cells' | 'variables' | 'sessions';

export interface Restored {
  readonly checkpoint: string;
  readonly restored: Readonly<Record<Kind, readonly string[]>>;
  readonly created: Readonly<Record<Kind, readonly string[]>>;
}

/** One thing of the checkpoint that fits, and how to put it back. */
interface Plan {
  readonly kind: Kind;
  readonly id: string;
  readonly creates: boolean;
  readonly decide: () => Promise<Decision<unknown>>;
}

/**
 * Assigns back everything that a checkpoint holds. All of it is checked first, so that a name or a shape that does not fit
 * restores nothing. Then each thing is changed in a commit of its own (ADR 0006), once for each Idempotency-Key: it can be
 * sent again after a crash.
 * @throws {Problem} not-found, version-mismatch, checkpoint-mismatch
 */
export async function restoreCheckpoint(
  context: Needs,
  cells: CellReader,
  changer: Changer,
  id: string,
  mutation: Pick<Mutation<unknown>, 'ifMatch' | 'idempotencyKey' | 'fingerprint'>,
  createMissing: boolean,
): Promise<Restored> {
  const { version } = await readCheckpoint(context, id);
  requireVersion(`Checkpoint '${id}'`, version, mutation.ifMatch);
  const snapshot = context.checkpointCodec.decode(await readCheckpointContent(context, id));
  const restore = new Restore(context, cells, snapshot, createMissing);
  const { idempotencyKey, fingerprint } = mutation;
  // Each thing keeps the key too: what an earlier attempt has put back may have been changed since. No client sends blanks.
  const once = idempotencyKey === undefined ? {} : { idempotencyKey: `restore ${id} ${idempotencyKey}`, fingerprint };
  const done: Record<'restored' | 'created', Record<Kind, string[]>> = {
    restored: { cells: [], variables: [], sessions: [] },
    created: { cells: [], variables: [], sessions: [] },
  };
  for (const { kind, id: thing, creates, decide } of await restore.plan()) {
    const how = creates ? 'created' : 'restored';
    const render = () => ({ status: 200, headers: {}, body: how });
    const { body } = await changer.change(`${kind.slice(0, -1)}/${thing}`, { render, ...once }, decide);
    done[body === 'created' ? 'created' : 'restored'][kind].push(thing);
  }
  return { checkpoint: id, ...done };
}

class Restore {
  private readonly context: Needs;
  private readonly cells: CellReader;
  private readonly snapshot: Snapshot;
  private readonly createMissing: boolean;
  private readonly errors: FieldError[] = [];

  constructor(context: Needs, cells: CellReader, snapshot: Snapshot, createMissing: boolean) {
    this.context = context;
    this.cells = cells;
    this.snapshot = snapshot;
    this.createMissing = createMissing;
  }

  /** @throws {Problem} checkpoint-mismatch with everything that does not fit. */
  async plan(): Promise<Plan[]> {
    const { cells, variables, sessions } = this.snapshot.manifest;
    const plans: (Plan | undefined)[] = [];
    for (const saved of cells) plans.push(await this.checked('cells', saved.id, () => this.planCell(saved)));
    for (const saved of variables)
      plans.push(await this.checked('variables', saved.id, () => this.planVariable(saved)));
    for (const saved of sessions) plans.push(await this.checked('sessions', saved.id, () => this.planSession(saved)));
    const { errors } = this;
    if (errors.length > 0) throw new Problem('checkpoint-mismatch', errors[0].detail, { errors });
    return plans.filter((plan) => plan !== undefined);
  }

  private async checked(
    kind: Kind,
    id: string,
    plan: () => Promise<Omit<Plan, 'kind' | 'id'>>,
  ): Promise<Plan | undefined> {
    try {
      return { kind, id, ...(await plan()) };
    } catch (error) {
      if (!(error instanceof Problem) || error.status >= 500) throw error;
      this.errors.push({ pointer: `/${kind}/${id}`, detail: error.message });
      return undefined;
    }
  }

  private missing(kind: string, id: string): void {
    if (this.createMissing) return;
    throw new Problem(
      'checkpoint-mismatch',
      `There is no ${kind} '${id}' now. Send "create_missing": true to make it.`,
    );
  }

  private async planCell(saved: SavedCell): Promise<Omit<Plan, 'kind' | 'id'>> {
    const weights: Record<string, Tensor> = {};
    for (const { name } of saved.variables) weights[name] = this.tensor(tensorName.cell(saved.id, name));
    const current = await this.cells.find(saved.id);
    if (current) {
      if (saved.input_shape)
        requireFit(`Cell '${saved.id}'`, variablesOf(current, saved.input_shape, weights), weights);
      return { creates: false, decide: () => this.assignCell(saved, weights) };
    }
    this.missing('cell', saved.id);
    const { framework, class_name, config, precision, initializer_seeds, input_shape } = saved;
    const literals = Object.fromEntries(Object.entries(weights).map(([name, tensor]) => [name, literalOf(tensor)]));
    const cell = { framework, class_name, config, precision, initializer_seeds, input_shape };
    const create = () => createCell(this.context, saved.id, input_shape ? { ...cell, weights: literals } : cell);
    await create();
    return { creates: true, decide: create };
  }

  private async assignCell(saved: SavedCell, weights: Weights): Promise<Decision<unknown>> {
    const cell = await this.cells.read(saved.id);
    const { record } = cell;
    if (!saved.input_shape) return { writes: [], result: record };
    const specs = variablesOf(cell, saved.input_shape, weights);
    requireFit(`Cell '${saved.id}'`, specs, weights);
    const variables = record.input_shape
      ? record.variables.map((variable) => ({ ...variable, version: variable.version + 1 }))
      : freshVariables(specs);
    const input_shape = record.input_shape ?? saved.input_shape;
    const next = { ...record, input_shape, variables, version: record.version + 1, updated_at: this.context.clock() };
    return { writes: await changeCellWrites(this.context.store, cell, next, weights), result: next };
  }

  private async planVariable(saved: SavedVariable): Promise<Omit<Plan, 'kind' | 'id'>> {
    const { store, clock } = this.context;
    const value = this.tensor(tensorName.variable(saved.id));
    const current = await findVariable(store, saved.id);
    if (!current) this.missing('variable', saved.id);
    const decide = async (): Promise<Decision<unknown>> => {
      const now = clock();
      const found = await findVariable(store, saved.id);
      if (found) requireFit(`Variable '${saved.id}'`, [{ name: 'value', ...found.value }], { value });
      const first = { format: 1, id: saved.id, trainable: saved.trainable, version: 0, created_at: now } as const;
      const before = found?.record ?? first;
      const record = { ...before, version: before.version + 1, updated_at: now };
      const write = {
        key: variableKeyOf(saved.id),
        expect: found?.revision ?? null,
        bytes: encodeVariable(record, value),
      };
      return { writes: [write], result: record };
    };
    await decide();
    return { creates: !current, decide };
  }

  private async planSession(saved: SavedSession): Promise<Omit<Plan, 'kind' | 'id'>> {
    const { store } = this.context;
    const states = Array.from({ length: saved.states }, (_, i) => this.tensor(tensorName.session(saved.id, i)));
    const output = saved.output && this.tensor(tensorName.sessionOutput(saved.id));
    const what = `Session '${saved.id}'`;
    const named = Object.fromEntries(states.map((state, i) => [`states.${i}`, state]));
    const found = await findSession(store, saved.id);
    // As good as gone: whether it was cleared away already makes no difference.
    const current = found && isExpired(found.record, this.context.clock()) ? undefined : found;
    if (current) {
      requireFit(what, stateSpecs(current.states), named);
      if (output) await this.requireOutputFit(saved, output);
      const next = async ({ record }: Session) => startOver(record, saved.step, states, output);
      return { creates: false, decide: () => changeSession(this.context, saved.id, undefined, next) };
    }
    this.missing('session', saved.id);
    const { stateGroups, computeDtype: dtype, outputWidth } = await this.definitionOf(saved);
    const shapes = stateGroups.map((group) => ({ dtype, shape: stateShape(group, saved.batch_size) }));
    requireFit(what, stateSpecs(shapes), named);
    if (output) await this.requireOutputFit(saved, output);
    const initial_state = { list: states.map(literalOf) };
    const { cell, batch_size, step, ttl_seconds, history = 0 } = saved;
    const outputBytes = batch_size * outputWidth * BYTES_PER_ELEMENT[dtype];
    requireHistoryRoom(history, states, outputBytes, this.context.limits);
    const options = { batch_size, ttl_seconds: ttl_seconds ?? undefined, history, pin: await this.pinOf(saved) };
    const input = { cell, initial_state, step, output, replacesExpired: true, ...options };
    return { creates: true, decide: () => openSession(this.context, this.cells, saved.id, input) };
  }

  /** The version that a session which is to be made stays on. */
  private async pinOf(saved: SavedSession): Promise<NewSession['pin']> {
    if (saved.pinned === undefined) return undefined;
    const pin = this.snapshot.manifest.pinned?.find(({ cell, name }) => cell === saved.cell && name === saved.pinned);
    const what = `The version of cell '${saved.cell}' that session '${saved.id}' stays on`;
    if (!pin) throw new Problem('checkpoint-mismatch', `${what} was gone when it was saved.`);
    const { cell, name, version, input_shape, variables } = pin;
    const weights = Object.fromEntries(variables.map((one) => [one, this.tensor(tensorName.pinned(cell, name, one))]));
    const definition = await this.definitionOf(saved);
    const specs = definition.variables(input_shape.at(-1) ?? 0, variables);
    requireFit(what, specs, weights);
    return { version, input_shape, variables: freshVariables(specs), weights };
  }

  private async requireOutputFit(saved: SavedSession, output: Tensor): Promise<void> {
    const { outputWidth, computeDtype: dtype } = await this.definitionOf(saved);
    const spec = { name: 'output', shape: [saved.batch_size, outputWidth], dtype };
    requireFit(`Session '${saved.id}'`, [spec], { output });
  }

  /** Of the session's cell: the one that is there, or the one that the checkpoint makes. */
  private async definitionOf(saved: SavedSession): Promise<CellDefinition> {
    const { limits } = this.context;
    const found = await this.cells.find(saved.cell);
    if (found) return found.definition;
    const cell = this.snapshot.manifest.cells.find(({ id }) => id === saved.cell);
    if (!cell) throw new Problem('checkpoint-mismatch', `There is no cell '${saved.cell}' for session '${saved.id}'.`);
    return defineCell(cell.framework, cell.class_name, cell.config, { ...limits, autoName: (base) => base });
  }

  private tensor(name: string): Tensor {
    const tensor = this.snapshot.tensors.get(name);
    if (!tensor) throw new Problem('checkpoint-mismatch', `The checkpoint has no tensor '${name}'.`);
    return tensor;
  }
}

/** The variables that a cell has, or, where it is not built, that the saved weights would build it with. */
function variablesOf(
  { record, definition }: Cell,
  inputShape: readonly (number | null)[],
  weights: Weights,
): readonly VariableSpec[] {
  return definition.variables(
    (record.input_shape ?? inputShape).at(-1) ?? 0,
    record.input_shape ? record.variables.map(({ name }) => name) : Object.keys(weights),
  );
}

function stateSpecs(states: readonly Pick<Tensor, 'shape' | 'dtype'>[]): VariableFit[] {
  return states.map(({ shape, dtype }, i) => ({ name: `states.${i}`, shape, dtype }));
}

/** @throws {Problem} checkpoint-mismatch where the saved tensors are not those of the thing, by name, dtype and shape. */
function requireFit(what: string, specs: readonly VariableFit[], saved: Readonly<Record<string, Tensor>>): void {
  const [has, names] = [specs.map(({ name }) => name).join(', '), Object.keys(saved)];
  if (names.length !== specs.length || specs.some(({ name }) => !Object.hasOwn(saved, name))) {
    throw new Problem(
      'checkpoint-mismatch',
      `${what} has ${has || 'nothing'}; the checkpoint has ${names.join(', ') || 'nothing'}.`,
    );
  }
  for (const { name, shape, dtype } of specs) {
    const tensor = saved[name];
    if (sameShape(tensor.shape, shape) && tensor.dtype === dtype) continue;
    const [own, given] = [`${dtype} ${formatShape(shape)}`, `${tensor.dtype} ${formatShape(tensor.shape)}`];
    throw new Problem('checkpoint-mismatch', `${what}: '${name}' is ${own}; the checkpoint has ${given}.`);
  }
}

function literalOf(tensor: Tensor): TensorLiteral {
  const integers = tensor.data instanceof BigInt64Array ? { integers: tensor.data } : {};
  return { shape: tensor.shape, values: toFloat64(tensor), dtype: tensor.dtype, ...integers };
}
