/** Every identifier of Keras, in one place for those outside this folder. */
export { parseActivation } from './parse-activation.ts';
export {
  checkInitializerFits,
  type InitializerTemplate,
  parseConstraint,
  parseInitializer,
  parseRegularizer,
  withSeed,
} from './parse-object.ts';
