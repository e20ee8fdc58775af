import { adagrad } from './adagrad.ts';
import { adam } from './adam.ts';
import { nadam } from './nadam.ts';
import { rmsprop } from './rmsprop.ts';
import type { Rule, RuleParameters } from './rule.ts';
import { sgd } from './sgd.ts';

/** By Keras' class name. */
export const RULES: Readonly<Record<string, (params: RuleParameters) => Rule>> = {
  Adagrad: adagrad,
  Adam: adam,
  AdamW: adam,
  Nadam: nadam,
  RMSprop: rmsprop,
  SGD: sgd,
};
