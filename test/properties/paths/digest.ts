/**
 * Prints a digest of the results of drawn cases, one a line, from kernels that V8 may make wider or not:
 * `node --no-liftoff digest.ts wide|narrow COUNT`. The flag is for code that is optimised from the first call on.
 */
import { createHash } from 'node:crypto';
import { createSimdEngines } from '../../../src/engine/simd/simd.ts';
import { widenSimd } from '../../../src/engine/simd/wide-simd.ts';
import { findCase } from './find.ts';
import { SEED } from './options.ts';

const [width, count] = process.argv.slice(2);
if (width === 'wide') widenSimd();
const engines = createSimdEngines();
for (let index = 0; index < Number(count); index++) {
  const { program, request } = findCase(SEED, index);
  const hash = createHash('sha256');
  for (const precision of ['fast', 'exact'] as const) {
    const { sequences, last, states } = engines[precision].prepareSequence(program).run(request);
    for (const array of [...sequences, ...last, ...states]) {
      // All NaN are one: which of its operands' a sum has is up to the machine.
      const values = array.map((value) => (Number.isNaN(value) ? Number.NaN : value));
      hash.update(new Uint8Array(values.buffer));
    }
  }
  console.log(`${index} ${hash.digest('hex')}`);
}
