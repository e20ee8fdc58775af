/**
 * The kernels of one width of numbers: Real is f32 or f64, as scripts/build-wasm.ts says. They take plain numbers, however
 * many: a structure would have to be written to memory before each call.
 */
export { activate } from './activate';
export { gruCandidate, gruGates, lstm, simpleRnn } from './cells';
export { normalizeRows, scaleRows } from './normalize';
export { outer } from './outer';
export { product } from './product';
export { roundToFloat32 } from './round';
