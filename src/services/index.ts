import type { SnapshotCodec, WeightFileFormat } from '../domain/files.ts';
import type { Precision } from '../domain/ports.ts';
import { decodeRecord } from '../domain/record.ts';
import { isExpired } from '../domain/session.ts';
import type { StatesGiven, TensorInput, TensorLiteral } from '../domain/tensor-literal.ts';
import { assign, assignAdd, assignSub, scatterUpdate } from '../domain/updates.ts';
import { buildCell } from './cells/build-cell.ts';
import {
  asFileProblem,
  formatsFor,
  newCellOf,
  putWeightsFile,
  readLayer,
  type SentFile,
  writeCell,
} from './cells/cell-files.ts';
import { type Cell, type CellDescription, type CellRecord, definitionOf } from './cells/cell-record.ts';
import { putWeights } from './cells/cell-weights.ts';
import { CellReader } from './cells/cells.ts';
import { createCell, type NewCell } from './cells/create-cell.ts';
import { deleteCell } from './cells/delete-cell.ts';
import { type Change, Changer } from './changes/change.ts';
import { listPage, listShown, type PageRequest } from './changes/listing.ts';
import {
  type CheckpointRecord,
  deleteCheckpoint,
  importCheckpoint,
  type NewCheckpoint,
  readCheckpoint,
  readCheckpointContent,
  saveCheckpoint,
} from './checkpoints/checkpoints.ts';
import { type Restored, restoreCheckpoint } from './checkpoints/restore-checkpoint.ts';
import { applyOp, type OpRequest } from './compute/apply-op.ts';
import { cellGradients, type GradientCall } from './compute/cell-gradients.ts';
import { resolveTensor } from './compute/resolve-tensor.ts';
import { runCellSequence, type SequenceCall } from './compute/run-cell-sequence.ts';
import { type StepRequest, stepCell } from './compute/step-cell.ts';
import type { Context } from './context.ts';
import { Sweeper } from './expiry/sweep.ts';
import { cellKey, checkpointKey, sessionKey, thingsPrefix, variableKey } from './keys.ts';
import { forkSession, type NewSession, openSession } from './sessions/open-session.ts';
import { decodeSession } from './sessions/session-bytes.ts';
import { listKeptSteps } from './sessions/session-history.ts';
import { readSession, type Session } from './sessions/session-record.ts';
import { closeSession, putStates, resetSession, rewindSession } from './sessions/sessions.ts';
import { type SessionStepRequest, type SteppedSession, stepSession } from './sessions/step-session.ts';
import { decodeVariable } from './variables/stand-alone-variables.ts';
import {
  changeVariable,
  createVariable,
  deleteVariable,
  type NewVariable,
  readVariable,
  type Variable,
  type VariableAddress,
} from './variables/variables.ts';

export type ServiceContext = Context & {
  readonly checkpointCodec: SnapshotCodec;
  /** Those of one media type by preference: the first is what is written, and the one that reads. */
  readonly weightFiles: readonly WeightFileFormat[];
};

/** How a variable changes. */
export type VariableUpdate =
  | { readonly kind: 'assign' | 'assign_add' | 'assign_sub'; readonly value: TensorInput }
  | {
      readonly kind: 'scatter_update';
      readonly indices: readonly (readonly number[])[];
      readonly updates: TensorInput;
    };

/** All use cases, bound to what they work with: what routes call. */
export function createServices(context: ServiceContext) {
  const { store, clock, weightFiles } = context;
  const cells = new CellReader(context);
  const changer = new Changer(context);
  const sweeper = new Sweeper(context);

  return {
    cells: {
      /** What a record's config means, and the precision that its cell gets. */
      describe: (record: CellRecord): CellDescription => {
        const definition = definitionOf(record, context.limits.maxUnits);
        const precision = context.stepper.precisionUsed(definition.arithmetics, record.precision);
        return { definition, precision };
      },
      create: <R>(input: NewCell, id: string | undefined, change: Change<CellRecord, R>) =>
        changer.create('cell', id, change, (chosen) => createCell(context, chosen, input)),
      createFromFile: async <R>(
        file: SentFile,
        precision: Precision,
        id: string | undefined,
        change: Change<CellRecord, R>,
      ) => {
        const input = newCellOf(await readLayer(weightFiles, file), precision);
        return changer.create('cell', id, change, (chosen) => asFileProblem(() => createCell(context, chosen, input)));
      },
      list: (page: PageRequest) =>
        listPage(store, thingsPrefix('cell'), page, (bytes) => decodeRecord<CellRecord>(bytes).fields),
      read: async (id: string) => (await cells.read(id)).record,
      build: <R>(id: string, inputShape: readonly (number | null)[], change: Change<CellRecord, R>) =>
        changer.change(cellKey(id), change, () => buildCell(context, cells, id, inputShape, change.expected)),
      delete: <R>(id: string, force: boolean, change: Change<undefined, R>) =>
        changer.change(cellKey(id), change, () => deleteCell(context, cells, id, { expected: change.expected, force })),
      /** The cell with all its weights, of one version; none before it is built. */
      readWeights: (id: string) => cells.read(id),
      putWeights: <R>(id: string, weights: Readonly<Record<string, TensorLiteral>>, change: Change<CellRecord, R>) =>
        changer.change(cellKey(id), change, () => putWeights(context, cells, id, change.expected, weights)),
      putWeightsFile: async <R>(id: string, file: SentFile, change: Change<CellRecord, R>) => {
        const read = await readLayer(weightFiles, file);
        return changer.change(cellKey(id), change, () => putWeightsFile(context, cells, id, change.expected, read));
      },
      fileFormats: (record: CellRecord) => formatsFor(weightFiles, record),
      writeFile: (format: WeightFileFormat, cell: Cell) => writeCell(format, cell),
      step: (id: string, request: StepRequest) => stepCell(context, cells, changer, id, request),
      sequence: (id: string, call: SequenceCall) => runCellSequence(context, cells, changer, id, call),
      gradients: (id: string, call: GradientCall) => cellGradients(context, cells, changer, id, call),
    },
    variables: {
      create: <R>(input: NewVariable, id: string | undefined, change: Change<Variable, R>) =>
        changer.create('variable', id, change, (chosen) => createVariable(context, chosen, input)),
      list: (page: PageRequest) =>
        listPage(store, thingsPrefix('variable'), page, (bytes) => {
          const { record, value } = decodeVariable(bytes);
          return { ...record, value };
        }),
      read: (at: VariableAddress) => readVariable(context, cells, at),
      update: <R>(at: VariableAddress, update: VariableUpdate, change: Change<Variable, R>) =>
        changer.change(ownerOfVariable(at), change, () =>
          changeVariable(context, cells, at, change.expected, async (current) => {
            const read = (input: TensorInput, pointer: string) => resolveTensor(context, input, current.dtype, pointer);
            if (update.kind === 'scatter_update') {
              return scatterUpdate(current, update.indices, await read(update.updates, '/updates'));
            }
            return UPDATES[update.kind](current, await read(update.value, '/value'));
          }),
        ),
      delete: <R>(id: string, change: Change<undefined, R>) =>
        changer.change(variableKey(id), change, () => deleteVariable(context, id, change.expected)),
    },
    sessions: {
      open: <R>(input: NewSession, id: string | undefined, change: Change<Session, R>) =>
        changer.create('session', id, change, (chosen) => openSession(context, cells, chosen, input)),
      list: (page: PageRequest) =>
        listShown(store, thingsPrefix('session'), page, decodeSession, ({ record }) => !isExpired(record, clock())),
      read: (id: string) => readSession(store, id, clock()),
      step: <R>(id: string, request: SessionStepRequest, change: Change<SteppedSession, R>) =>
        changer.change(sessionKey(id), change, () =>
          stepSession(context, cells, changer, id, change.expected, request),
        ),
      putStates: <R>(id: string, states: StatesGiven, change: Change<Session, R>) =>
        changer.change(sessionKey(id), change, () => putStates(context, cells, id, change.expected, states)),
      reset: <R>(id: string, change: Change<Session, R>) =>
        changer.change(sessionKey(id), change, () => resetSession(context, id, change.expected)),
      listSteps: (id: string, page: { readonly after?: number; readonly limit: number }) =>
        listKeptSteps(store, id, page, clock()),
      rewind: <R>(id: string, step: number, change: Change<Session, R>) =>
        changer.change(sessionKey(id), change, () => rewindSession(context, id, change.expected, step)),
      /** The version that a fork expects is that of the session which it copies. */
      fork: <R>(from: string, step: number | undefined, id: string | undefined, change: Change<Session, R>) => {
        const { expected, ...rest } = change;
        return changer.create('session', id, rest, (chosen) =>
          forkSession(context, cells, chosen, { session: from, step, expected }),
        );
      },
      close: <R>(id: string, change: Change<Session, R>) =>
        changer.change(sessionKey(id), change, () => closeSession(context, id, change.expected)),
    },
    checkpoints: {
      save: <R>(input: NewCheckpoint, id: string | undefined, change: Change<CheckpointRecord, R>) =>
        changer.create('checkpoint', id, change, (chosen) => saveCheckpoint(context, cells, chosen, input)),
      import: <R>(bytes: Uint8Array, id: string | undefined, change: Change<CheckpointRecord, R>) =>
        changer.create('checkpoint', id, change, (chosen) => importCheckpoint(context, chosen, bytes)),
      list: (page: PageRequest) =>
        listPage(store, thingsPrefix('checkpoint'), page, (bytes) => decodeRecord<CheckpointRecord>(bytes).fields),
      read: (id: string) => readCheckpoint(context, id),
      readContent: (id: string) => readCheckpointContent(context, id),
      restore: <R>(id: string, createMissing: boolean, change: Change<Restored, R>) =>
        changer.change(checkpointKey(id), change, async () => {
          return {
            writes: [],
            result: await restoreCheckpoint(context, cells, changer, id, change, createMissing),
          };
        }),
      delete: <R>(id: string, change: Change<undefined, R>) =>
        changer.change(checkpointKey(id), change, () => deleteCheckpoint(context, id, change.expected)),
    },
    ops: {
      list: () => context.ops.list,
      apply: (op: string, request: OpRequest) => applyOp(context, op, request),
    },
    /** Lets go of a slice of what nobody needs any more; whether there may be more. */
    sweep: () => sweeper.sweep(),
    /** Rejects where the store cannot serve. */
    check: () => store.check(),
  };
}

export type Services = ReturnType<typeof createServices>;

const UPDATES = { assign, assign_add: assignAdd, assign_sub: assignSub };

function ownerOfVariable(at: VariableAddress): string {
  return 'cell' in at ? cellKey(at.cell) : variableKey(at.variable);
}
