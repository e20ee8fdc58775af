import { z } from 'zod';
import { ID_PATTERN } from '../src/domain/ids.ts';
import { QUOTA_NAMES } from '../src/domain/quotas.ts';

/** A string that names a thing of this service. */
export function idOf(thing: string) {
  return z
    .string()
    .regex(ID_PATTERN, {
      error: 'Send 1 to 128 letters, digits, dots, underscores and hyphens, a letter or digit first.',
    })
    .describe(`Id of ${thing}.`);
}

export const cellParams = z.strictObject({ cell: idOf('a cell').meta({ examples: ['cell'] }) });
export const sessionParams = z.strictObject({ session: idOf('a session').meta({ examples: ['s'] }) });

export const newId = idOf('the new thing; the service makes one if you leave it out').optional();

const dimension = z
  .int()
  .min(0)
  .max(2 ** 31 - 1);
export const shape = z.array(dimension).max(8).describe('Extent of each axis.');
export const inputShape = z
  .array(dimension.nullable())
  .min(1)
  .max(8)
  .describe('Shape of the inputs, with null for any batch. Only the last entry matters: the feature count.');

export const version = z
  .int()
  .min(1)
  .describe('Starts at 1 and grows by one with each change. The ETag is this number in quotes.');
export const timestamp = z.iso.datetime().describe('Time in UTC.');

/** Digits only: Number would also read 0x10, 1e2 and blanks. */
const limit = z
  .unknown()
  .refine((text) => typeof text === 'string' && /^([1-9][0-9]{0,2}|1000)$/.test(text), {
    error: 'Send a whole number from 1 to 1000.',
  })
  .transform(Number)
  .default(100)
  .meta({ type: 'integer', minimum: 1, maximum: 1000, description: 'The most items to return.' });

export const listQuery = z.strictObject({
  limit,
  cursor: z.string().min(1).max(200).optional().describe('next_cursor of the previous page.'),
  prefix: z
    .string()
    .regex(/^[A-Za-z0-9._-]{1,128}$/, { error: 'Send 1 to 128 characters of ids: letters, digits, dots, _ and -.' })
    .optional()
    .describe('Only things whose ids begin with this.'),
});

/** Lists carry no tensors unless they are asked for. */
export const valuesQuery = z
  .enum(['true', 'false'])
  .default('false')
  .transform((text) => text === 'true')
  .describe('Whether to return the values of tensors.');

export function page<T extends z.ZodType>(item: T) {
  return z.object({
    items: z.array(item),
    next_cursor: z.string().nullable().describe('Send it as ?cursor= for the next page; null at the end.'),
  });
}

export const noQuery = z.strictObject({});

const idempotencyKey = z
  .string()
  .optional()
  .describe(
    '1 to 255 visible characters. A request that is sent again with the same key is carried out once and gets the same reply.',
  );

/** Headers of a request that makes something new. */
export const createHeaders = z.looseObject({ 'idempotency-key': idempotencyKey });

/** Headers of a change. */
export const changeHeaders = z.looseObject({
  'if-match': z
    .string()
    .optional()
    .describe(
      'Refuse the change unless the version is this one, written "<version>". You can list several, separated by commas.',
    ),
  'idempotency-key': idempotencyKey,
});
export const readHeaders = z.looseObject({
  'if-none-match': z
    .string()
    .optional()
    .describe('Answer 304 if the ETag is still this one. You can list several, separated by commas.'),
});

export const problem = z
  .object({
    type: z.string().describe('A relative URI of a page about the problem.'),
    title: z.string(),
    status: z.int(),
    detail: z.string().describe('What was sent and what to send.'),
    instance: z.string(),
    code: z.string(),
    request_id: z.string(),
    errors: z
      .array(z.object({ pointer: z.string(), detail: z.string() }))
      .optional()
      .describe(
        'The fields that are wrong. `pointer` is a JSON pointer into the body, {name} in the path, ?name in the query, or a header.',
      ),
    expired_at: z.string().optional().describe('When the session expired.'),
    quota: z.enum(QUOTA_NAMES).optional().describe('The quota that is used up.'),
    limit: z.number().optional().describe('The most that the tenant may use of it.'),
    used: z.number().optional().describe('What the tenant uses of it.'),
    layers: z.array(z.string()).optional().describe('For a file with several layers: their names.'),
  })
  .meta({ id: 'Problem', description: 'What went wrong (RFC 9457).' });
