import fc from 'fast-check';
import { describe, it } from 'vitest';
import { runs } from '../../support/runs.ts';
import { gradientCall } from '../gradients-arbitraries.ts';
import { expectFiniteDifferences, isTame } from '../gradients-support.ts';

describe('gradients through time', () => {
  it('equal finite differences of the forward engine, whatever the program', () => {
    fc.assert(
      fc.property(gradientCall, ({ program, request }) => {
        fc.pre(isTame(program, request));
        expectFiniteDifferences(program, request);
      }),
      { numRuns: runs(150) },
    );
  });
});
