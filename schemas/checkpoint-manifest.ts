import { z } from 'zod';
import { FRAMEWORKS } from '../src/domain/cell-definition.ts';
import type { JsonObject } from '../src/domain/json.ts';
import { Problem } from '../src/domain/problems.ts';
import { MAX_HISTORY } from '../src/domain/session.ts';
import type { Manifest } from '../src/domain/snapshot.ts';
import { idOf, inputShape } from './common.ts';

const config = z.record(z.string(), z.unknown()).transform((value) => value as JsonObject);

const pinName = z.string().regex(/^[A-Za-z0-9]{1,80}$/);

/** At most three slots for each variable. */
const savedOptimizer = z.strictObject({
  class_name: z.string().max(100),
  config,
  iteration: z.int().min(0),
  slots: z
    .array(z.strictObject({ variable: z.string().min(1).max(200), name: z.string().regex(/^[a-z_]{1,100}$/) }))
    .max(3000),
});

const savedCell = z
  .strictObject({
    id: idOf('a cell'),
    framework: z.enum(FRAMEWORKS),
    class_name: z.string().max(100),
    config,
    precision: z.enum(['fast', 'exact']),
    initializer_seeds: z.record(z.string(), z.int().min(0)),
    input_shape: inputShape.nullable(),
    variables: z.array(z.strictObject({ name: z.string().min(1).max(200), trainable: z.boolean() })).max(1000),
    graph: z
      .strictObject({
        bytes: z
          .int()
          .min(1)
          .max(2 ** 31),
      })
      .optional(),
    optimizer: savedOptimizer.optional(),
  })
  .refine(({ input_shape, optimizer }) => input_shape !== null || optimizer === undefined, {
    message: 'A cell that is not built has no optimizer.',
    path: ['optimizer'],
  });

const savedSession = z.strictObject({
  id: idOf('a session'),
  cell: idOf('a cell'),
  batch_size: z
    .int()
    .min(1)
    .max(2 ** 24),
  step: z.int().min(0),
  ttl_seconds: z.int().min(1).nullable(),
  states: z.int().min(0).max(1000),
  history: z.int().min(1).max(MAX_HISTORY).optional(),
  pinned: pinName.optional(),
  output: z.literal(true).optional(),
});

const savedPin = z.strictObject({
  cell: idOf('a cell'),
  name: pinName,
  version: z.int().min(1),
  input_shape: inputShape,
  variables: z.array(z.string().min(1).max(200)).min(1).max(1000),
});

const savedVariable = z.strictObject({ id: idOf('a variable'), trainable: z.boolean() });

const things = z.array(z.unknown());
/** The description of the tensors in a checkpoint file. A file may come from anywhere, so this is as strict as a request. */
const manifestSchema = z.strictObject({
  format: z.literal(1),
  cells: things,
  variables: things,
  sessions: things,
  pinned: things.optional(),
});
/** Things that are checked in one slice. */
const SLICE_THINGS = 64;

/** Checks the JSON of a checkpoint file and returns it as a manifest. In slices. @throws {Problem} invalid-file */
export function* parseManifest(json: unknown): Generator<void, Manifest> {
  const { format, pinned, ...lists } = checked(manifestSchema, json);
  const cells = yield* each('cells', savedCell, lists.cells);
  const variables = yield* each('variables', savedVariable, lists.variables);
  const sessions = yield* each('sessions', savedSession, lists.sessions);
  return {
    format,
    cells,
    variables,
    sessions,
    ...(pinned ? { pinned: yield* each('pinned', savedPin, pinned) } : {}),
  };
}

function* each<T>(kind: string, schema: z.ZodType<T>, sent: readonly unknown[]): Generator<void, T[]> {
  const list: T[] = [];
  for (const [i, thing] of sent.entries()) {
    list.push(checked(schema, thing, [kind, i]));
    if (list.length % SLICE_THINGS === 0) yield;
  }
  return list;
}

/** @throws {Problem} invalid-file */
function checked<T>(schema: z.ZodType<T>, json: unknown, at: readonly (string | number)[] = []): T {
  const parsed = schema.safeParse(json);
  if (parsed.success) return parsed.data;
  const [{ path, message }] = parsed.error.issues;
  throw new Problem('invalid-file', `The checkpoint's manifest is wrong at /${[...at, ...path].join('/')}: ${message}`);
}
