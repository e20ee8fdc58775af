import * as frameworks from '../../src/frameworks/define-cell.ts';
import * as keras from '../../src/frameworks/keras/definitions.ts';
import { atOnce } from '../../src/threads/in-turns.ts';

/** A cell's definition, made at once. */
export const defineCell = (...given: Parameters<typeof frameworks.defineCell>) =>
  atOnce(frameworks.defineCell(...given));
export const kerasCell = (...given: Parameters<typeof keras.kerasCell>) => atOnce(keras.kerasCell(...given));
