import { expect, it } from 'vitest';
import { Problem } from '../../src/domain/problems.ts';
import { RequestShapeError } from '../../src/http/bodies/validation.ts';

it('has no stack trace if it is a refusal, and one if the service failed', () => {
  const { stackTraceLimit } = Error;
  expect(new Problem('not-found', 'There is no cell.').stack).not.toContain('problems.test.ts');
  expect(new RequestShapeError('body', []).stack).not.toContain('problems.test.ts');
  expect(new Problem('store-full', 'The disk is full.').stack).toContain('problems.test.ts');
  expect(Error.stackTraceLimit).toBe(stackTraceLimit);
});
