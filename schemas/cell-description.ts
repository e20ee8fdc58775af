import { z } from 'zod';
import { FRAMEWORKS } from '../src/domain/cell-definition.ts';
import type { JsonObject } from '../src/domain/json.ts';

/** What cellstep writes beside the weights of a cell, to make it again. */
export const cellDescription = z.strictObject({
  framework: z.enum(FRAMEWORKS),
  class_name: z.string().min(1).max(100),
  config: z.record(z.string(), z.unknown()).transform((config) => config as JsonObject),
});
