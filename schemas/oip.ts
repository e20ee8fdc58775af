import { z } from 'zod';

/** Largest unsigned integer of 64 bits: an id of a sequence. */
const MAX_UINT64 = 2n ** 64n - 1n;
/** Inputs or outputs that one request may name. */
const MAX_TENSORS = 1_000;

const flag = z.boolean().optional();
/** Values as readJson reads them: a whole number past 2^53 is a bigint. */
const uint64 = z
  .union([z.int().min(0), z.bigint().min(0n).max(MAX_UINT64)], { error: 'Send a whole number from 0 to 2^64-1.' })
  .transform(BigInt);

const extent = z
  .int()
  .min(0)
  .max(2 ** 31 - 1);

/** Other parameters are for a model's own use, and cells read none of them. */
const parameters = z.looseObject({
  sequence_id: z
    .union([uint64, z.string().max(128)], {
      error: 'Send a whole number from 1 to 2^64-1, or a string of 1 to 128 characters; 0 or "" for no sequence.',
    })
    .optional(),
  sequence_start: flag,
  sequence_end: flag,
  binary_data_output: flag,
  cellstep_idempotency: flag,
  cellstep_ttl_seconds: z
    .int()
    .min(1)
    .max(10 * 366 * 24 * 3600)
    .optional(),
});

/** Parameters for shared memory, which this service does not have: tensors arrive in the body. */
const notShared = {
  shared_memory_region: z
    .never({ error: 'Shared memory is not supported. Send the data in the request, and read it from the reply.' })
    .optional(),
};

const inferInput = z.strictObject({
  name: z.string().min(1).max(200),
  shape: z.array(extent).max(8),
  datatype: z.string().max(20),
  parameters: z.looseObject({ ...notShared, binary_data_size: z.int().min(0).optional() }).optional(),
  /** Read by its datatype. */
  data: z.unknown().optional(),
});

const inferOutput = z.strictObject({
  name: z.string().min(1).max(200),
  parameters: z
    .looseObject({
      ...notShared,
      binary_data: flag,
      classification: z
        .never({ error: 'Classification is not supported. Leave it out, and take the output itself.' })
        .optional(),
    })
    .optional(),
});

/** The JSON part of a request to infer. */
export const inferBody = z.strictObject({
  id: z.string().max(255).optional(),
  /** KServe's client repeats the name of the path here. */
  model_name: z.string().max(200).optional(),
  inputs: z.array(inferInput).min(1).max(MAX_TENSORS),
  outputs: z.array(inferOutput).max(MAX_TENSORS).optional(),
  parameters: parameters.optional(),
});
export type InferBody = z.output<typeof inferBody>;
export type InferParameters = z.output<typeof parameters>;

export const repositoryIndexBody = z.strictObject({ ready: flag });

/** In Triton, parameters replace the configuration and the files of a model. A cell keeps its own. */
export const loadModelBody = z.strictObject({
  parameters: z
    .looseObject({})
    .refine((given) => Object.keys(given).length === 0, {
      error: 'A cell is loaded as it is stored. Leave parameters out.',
    })
    .optional(),
});
export const unloadModelBody = z.strictObject({
  parameters: z.strictObject({ unload_dependents: flag }).optional(),
});
