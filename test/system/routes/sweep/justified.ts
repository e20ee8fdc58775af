import type { Route } from './routes.ts';

/** A change of a valid request that leaves it valid. */
interface Justified {
  readonly why: string;
  readonly route?: RegExp;
  /** Pointer of what was changed. */
  readonly place: RegExp;
  /** Names of the values that may stand there. */
  readonly values: readonly string[];
}

const WHOLE = ['zero', 'minus one', '2^31', '-0'];
const NUMBERS = [...WHOLE, 'half', '2^53 + 1'];
const ELEMENTS = [...NUMBERS, 'true', 'a digit as a string', '"NaN"'];
const LISTS = ['empty list', 'list of empty lists', 'a long list', 'a huge list of numbers'];
const STRINGS = ['empty string', 'string', 'a digit as a string', '"NaN"', '"nan"', '"__proto__"', '"constructor"'];
const ODD_STRINGS = ['control characters', 'a lone surrogate', 'a megabyte'];

/** All that may be answered with success in the sweep; anything else that is taken is a fault. */
const JUSTIFIED: readonly Justified[] = [
  {
    why: 'a tensor takes any element of its dtype; a digit string is an integer, true is 1',
    place: /^\/(inputs|value|states|initial_state|updates|cotangent|weights|mask)(\/.*)?$/,
    values: ELEMENTS,
  },
  {
    why: 'numbers to learn from are as free as those to compute with',
    place: /^\/targets(\/.*)?$/,
    values: [...ELEMENTS, 'a huge list of numbers'],
  },
  { why: 'float64 reaches that far', place: /^\/value\/data\/0$/, values: ['1e39'] },
  {
    why: 'a tensor may have any shape, where nothing else fixes it',
    place: /^\/(inputs|value|states|initial_state|updates|cotangent|weights)(\/.*)?$/,
    values: [...LISTS, 'nine axes', 'missing'],
  },
  { why: 'one entry more or less is another shape', place: /^\/mask\/0$/, values: ['missing'] },
  { why: 'an extent of a shape', place: /(shape|size)\/0$/, values: [...NUMBERS, 'missing', 'null'] },
  { why: 'another shape', place: /(shape|size)$/, values: [...LISTS, 'list of null', 'null'] },
  {
    why: 'any flag',
    place: /^\/(trainable|trace|return_\w+|go_backwards|zero_\w+|time_major|training|pin_\w+)$/,
    values: ['true'],
  },
  { why: 'any length up to the time', place: /^\/sequence_lengths\/0$/, values: ['zero', '-0'] },
  { why: 'an index within the variable', place: /^\/indices\/0\/0$/, values: ['zero', '-0'] },
  { why: 'any range', place: /^\/randint\/(low|high)$/, values: WHOLE },
  { why: 'any seed', place: /seed$|^\/initializer_seeds\/\w+$/, values: [...WHOLE, '2^53 + 1', 'null'] },
  { why: 'an axis of the tensor', place: /^\/params\/axis$/, values: ['zero', 'minus one', '-0'] },
  { why: 'an empty set of options', place: /^(\/params|\/initializer_seeds|.*\/config)$/, values: ['empty object'] },
  { why: 'a free id', place: /^\/id$/, values: STRINGS.filter((name) => !/empty|__proto__/.test(name)) },
  { why: 'all of it has defaults', route: /\/restore$/, place: /^$/, values: ['empty object'] },
  { why: "the id of a thing, as it happens: there is a variable 'x'", place: /^\/variables\/0$/, values: ['string'] },
  {
    why: 'notes of Keras that say nothing about the cell',
    place: /^\/(module|registered_name)$/,
    values: [...STRINGS, 'control characters', 'a lone surrogate', 'null'],
  },
  { why: 'a name says nothing', place: /^\/config\/name$/, values: [...STRINGS, ...ODD_STRINGS] },
  {
    why: 'null is the default',
    place: /^\/(config\/.*|initializer\/config.*|weights|input_shape|build_config)$/,
    values: ['null'],
  },
  {
    why: 'a factor is any number in its range',
    place: /(negative_slope|l2|minval|maxval|dropout|clip)$/,
    values: [...NUMBERS, '1e39'],
  },
  { why: 'a cell may have no features', place: /^\/config\/input_size$/, values: ['zero', '-0'] },
  { why: 'any number of steps up to 1000', place: /^\/history$/, values: ['zero', '-0'] },
  { why: 'the step that it began at', place: /^\/(to|at)_step$/, values: ['zero', '-0'] },
  { why: 'the body may be left out', route: /\/(reset|restore|fork)$/, place: /^$/, values: ['null', 'empty object'] },
  {
    why: 'null is as if it were left out',
    place: /^\/(states|initial_state|mask|sequence_lengths|cotangent|weights\/\w+|build_config\/\w+)$/,
    values: ['null'],
  },
  { why: 'a state that is null is zeros', place: /^\/(states|initial_state)(\/0)?$/, values: ['null', 'list of null'] },
  {
    why: 'a build_config may be empty',
    place: /^\/build_config(\/input_shape)?$/,
    values: ['empty object', 'missing'],
  },
  { why: 'nothing of one kind is saved', place: /^\/(cells|variables|sessions)$/, values: ['empty list'] },
  {
    why: 'it has a default',
    place: /^\/config\/\w+(\/.*)?$|^\/(initializer|params|initializer_seeds)\/.+$/,
    values: ['missing'],
  },
  {
    why: 'it has a default',
    place:
      /^\/(id|framework|input_shape|weights|precision|initializer_seeds|module|registered_name|build_config|trace|training|tensor_format|states|initial_state|mask|sequence_lengths|return_\w+|go_backwards|zero_output_for_mask|time_major|dtype|trainable|value\/dtype|randint\/seed|params|batch_size|ttl_seconds|history|at_step|pin_cell_version|cells|cells\/0|variables|variables\/0|sessions|sessions\/0|all|create_missing)$/,
    values: ['missing'],
  },
];

/** Fields without which a request says nothing. */
const REQUIRED: readonly { readonly route: RegExp; readonly place: RegExp }[] = [
  { route: /^PUT .*\/weights$/, place: /^\/weights$/ },
  { route: /^PUT .*\/states$/, place: /^\/states$/ },
  { route: /^(PUT|POST) .*\/variables\/:\w+(\/assign\w*)?$/, place: /^\/value$/ },
  { route: /\/(steps|sequences|gradients)$/, place: /^\/inputs$/ },
];

export function isJustified(route: Route, place: string, value: string): boolean {
  const isRequired = REQUIRED.some((one) => one.route.test(route) && one.place.test(place));
  if (value === 'missing' && isRequired) return false;
  return JUSTIFIED.some(
    (one) => (one.route?.test(route) ?? true) && one.place.test(place) && one.values.includes(value),
  );
}
