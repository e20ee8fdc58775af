export { sigmoids, tanhs } from './activations';
export { product } from './product';
