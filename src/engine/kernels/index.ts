/** The kernels of one width of numbers: Real is f32 or f64, as scripts/build-wasm.ts says. */
export { activate } from './activate';
export { gruCandidate, gruGates, lstm, simpleRnn } from './cells';
export { normalizeRows, scaleRows } from './normalize';
export { outer } from './outer';
export { product } from './product';
export { roundToFloat32 } from './round';
