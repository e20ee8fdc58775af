import type { Precision } from '../domain/ports.ts';
import { decodeRecord } from '../domain/record.ts';
import { isExpired, type SessionRecord } from '../domain/session.ts';
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
import type { WeightFileFormat } from './cells/weight-files.ts';
import { Changer, type Mutation } from './changes/change.ts';
import { listPage, listShown, type PageRequest } from './changes/listing.ts';
import type { SnapshotCodec } from './checkpoints/checkpoint-content.ts';
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
import { forkSession, type NewSession, openSession } from './sessions/open-session.ts';
import { decodeSession } from './sessions/session-bytes.ts';
import { listKeptSteps } from './sessions/session-history.ts';
import { readSession, type Session } from './sessions/session-record.ts';
import { closeSession, dropReference, putStates, resetSession, rewindSession } from './sessions/sessions.ts';
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
      create: (input: NewCell, id: string | undefined, mutation: Mutation<CellRecord>) =>
        changer.create('cell', id, mutation, (chosen) => createCell(context, chosen, input)),
      createFromFile: async (
        file: SentFile,
        precision: Precision,
        id: string | undefined,
        mutation: Mutation<CellRecord>,
      ) => {
        const input = newCellOf(await readLayer(weightFiles, file), precision);
        return changer.create('cell', id, mutation, (chosen) =>
          asFileProblem(() => createCell(context, chosen, input)),
        );
      },
      list: (page: PageRequest) => listPage(store, 'cell/', page, (bytes) => decodeRecord<CellRecord>(bytes).fields),
      read: async (id: string) => (await cells.read(id)).record,
      build: (id: string, inputShape: readonly (number | null)[], mutation: Mutation<CellRecord>) =>
        changer.change(`cell/${id}`, mutation, () => buildCell(context, cells, id, inputShape, mutation.ifMatch)),
      delete: (id: string, force: boolean, mutation: Mutation<undefined>) =>
        changer.change(`cell/${id}`, mutation, () =>
          deleteCell(context, cells, id, { ifMatch: mutation.ifMatch, force }),
        ),
      /** The cell with all its weights, of one version; none before it is built. */
      readWeights: (id: string) => cells.read(id),
      putWeights: (id: string, weights: Readonly<Record<string, TensorLiteral>>, mutation: Mutation<CellRecord>) =>
        changer.change(`cell/${id}`, mutation, () => putWeights(context, cells, id, mutation.ifMatch, weights)),
      putWeightsFile: async (id: string, file: SentFile, mutation: Mutation<CellRecord>) => {
        const read = await readLayer(weightFiles, file);
        return changer.change(`cell/${id}`, mutation, () => putWeightsFile(context, cells, id, mutation.ifMatch, read));
      },
      fileFormats: (record: CellRecord) => formatsFor(weightFiles, record),
      writeFile: (format: WeightFileFormat, cell: Cell) => writeCell(format, cell),
      step: (id: string, request: StepRequest) => stepCell(context, cells, changer, id, request),
      sequence: (id: string, call: SequenceCall) => runCellSequence(context, cells, changer, id, call),
      gradients: (id: string, call: GradientCall) => cellGradients(context, cells, changer, id, call),
    },
    variables: {
      create: (input: NewVariable, id: string | undefined, mutation: Mutation<Variable>) =>
        changer.create('variable', id, mutation, (chosen) => createVariable(context, chosen, input)),
      list: (page: PageRequest) =>
        listPage(store, 'variable/', page, (bytes) => {
          const { record, value } = decodeVariable(bytes);
          return { ...record, value };
        }),
      read: (at: VariableAddress) => readVariable(context, cells, at),
      update: (at: VariableAddress, update: VariableUpdate, mutation: Mutation<Variable>) =>
        changer.change(ownerOfVariable(at), mutation, () =>
          changeVariable(context, cells, at, mutation.ifMatch, async (current) => {
            const read = (input: TensorInput, pointer: string) => resolveTensor(context, input, current.dtype, pointer);
            if (update.kind === 'scatter_update') {
              return scatterUpdate(current, update.indices, await read(update.updates, '/updates'));
            }
            return UPDATES[update.kind](current, await read(update.value, '/value'));
          }),
        ),
      delete: (id: string, mutation: Mutation<undefined>) =>
        changer.change(`variable/${id}`, mutation, () => deleteVariable(context, id, mutation.ifMatch)),
    },
    sessions: {
      open: (input: NewSession, id: string | undefined, mutation: Mutation<Session>) =>
        changer.create('session', id, mutation, (chosen) => openSession(context, cells, chosen, input)),
      list: (page: PageRequest) =>
        listShown(store, 'session/', page, decodeSession, ({ record }) => !isExpired(record, clock())),
      read: (id: string) => readSession(store, id, clock()),
      step: (id: string, request: SessionStepRequest, mutation: Mutation<SteppedSession>) =>
        changer.change(`session/${id}`, mutation, () =>
          stepSession(context, cells, changer, id, mutation.ifMatch, request),
        ),
      putStates: (id: string, states: StatesGiven, mutation: Mutation<Session>) =>
        changer.change(`session/${id}`, mutation, () => putStates(context, cells, id, mutation.ifMatch, states)),
      reset: (id: string, mutation: Mutation<Session>) =>
        changer.change(`session/${id}`, mutation, () => resetSession(context, id, mutation.ifMatch)),
      listSteps: (id: string, page: { readonly after?: number; readonly limit: number }) =>
        listKeptSteps(store, id, page, clock()),
      rewind: (id: string, step: number, mutation: Mutation<Session>) =>
        changer.change(`session/${id}`, mutation, () => rewindSession(context, id, mutation.ifMatch, step)),
      /** A fork's If-Match is about the session that it copies. */
      fork: (from: string, step: number | undefined, id: string | undefined, mutation: Mutation<Session>) => {
        const { ifMatch, ...rest } = mutation;
        return changer.create('session', id, rest, (chosen) =>
          forkSession(context, cells, chosen, { session: from, step, ifMatch }),
        );
      },
      close: async (id: string, mutation: Mutation<Session>) => {
        let closed: SessionRecord | undefined;
        const reply = await changer.change(`session/${id}`, mutation, async () => {
          const decision = await closeSession(context, id, mutation.ifMatch);
          closed = decision.result.record;
          return decision;
        });
        // What outlives its session does no harm and is found again in time, so this may fail.
        if (closed) await dropReference(store, closed).catch(() => undefined);
        return reply;
      },
    },
    checkpoints: {
      save: (input: NewCheckpoint, id: string | undefined, mutation: Mutation<CheckpointRecord>) =>
        changer.create('checkpoint', id, mutation, (chosen) => saveCheckpoint(context, cells, chosen, input)),
      import: (bytes: Uint8Array, id: string | undefined, mutation: Mutation<CheckpointRecord>) =>
        changer.create('checkpoint', id, mutation, (chosen) => importCheckpoint(context, chosen, bytes)),
      list: (page: PageRequest) =>
        listPage(store, 'checkpoint/', page, (bytes) => decodeRecord<CheckpointRecord>(bytes).fields),
      read: (id: string) => readCheckpoint(context, id),
      readContent: (id: string) => readCheckpointContent(context, id),
      restore: (id: string, createMissing: boolean, mutation: Mutation<Restored>) =>
        changer.change(`checkpoint/${id}`, mutation, async () => {
          return {
            writes: [],
            result: await restoreCheckpoint(context, cells, changer, id, mutation, createMissing),
          };
        }),
      delete: (id: string, mutation: Mutation<undefined>) =>
        changer.change(`checkpoint/${id}`, mutation, () => deleteCheckpoint(context, id, mutation.ifMatch)),
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
  return 'cell' in at ? `cell/${at.cell}` : `variable/${at.variable}`;
}
