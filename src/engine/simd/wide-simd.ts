import { isAscii } from 'node:buffer';
import { setFlagsFromString } from 'node:v8';

/**
 * The V8 with which test/engine holds the kernels' bits against the reference engine after this optimisation. It is an
 * experimental one, so another V8 does without until it has been tested.
 */
export const TESTED_V8 = '14.6.202.34-node.34';

/**
 * Lets V8 compile pairs of neighbouring 128-bit operations of WebAssembly to 256-bit ones where the processor has them: the
 * same operations on the same numbers, and so the same bits. Counts for what the process compiles from now on. Returns
 * whether this V8 does it.
 */
export function widenSimd(): boolean {
  if (process.versions.v8 !== TESTED_V8) return false;
  setFlagsFromString('--experimental-wasm-revectorize');
  return true;
}

const LINE = new Uint8Array(64);

/**
 * Empties the upper halves of the vector registers, which V8 leaves full after 256-bit operations. Until then every SSE instruction
 * waits for them: `Math.exp`, which is one of C++, takes 130 ns in place of 10. Call it after kernels, before such functions.
 * Node checks text by AVX and ends with VZEROUPPER; that takes 25 ns. ADR 0055.
 */
export function emptyWideRegisters(): void {
  isAscii(LINE);
}
