/** Number text between bytes and typed arrays; src/http/numbers/codec.ts is the host's side. */
export { BINADES } from './binades';
export { printNested } from './float32-lists';
export { POWERS } from './float32-text';
export { FIVES } from './read-decimals';
export { count, goesOn, rank, readNumbers, readOn, SHAPE } from './read-numbers';

/** Where the host may write. */
export const heap: usize = __heap_base;
