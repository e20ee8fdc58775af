import type { Json, JsonObject } from '../../domain/json.ts';
import { child, fieldProblem } from '../../domain/problems.ts';
import { MERGE_MODES, type MergeMode } from '../../domain/program.ts';
import { own, python } from '../place.ts';
import { type CellBudget, type ParsedLayer, type ParsedStack, parseLayerObject, wrap } from './composite-config.ts';
import { type FieldOptions, missing, refuseUnknownKeys } from './fields.ts';
import { parseHead, serializeHead } from './layer-head.ts';
import type { ParsedBase, ParsedCell } from './parse-cell.ts';

/** Bidirectional: a layer and its mirror image. */
export interface ParsedBidirectional extends ParsedBase {
  readonly kind: 'bidirectional';
  readonly className: 'Bidirectional';
  /** null gives both outputs. */
  readonly mergeMode: MergeMode | null;
  readonly forwardLayer: ParsedLayer;
  readonly backwardLayer: ParsedLayer;
}

const CLASS_NAME = 'Bidirectional';
const KEYS = ['merge_mode', 'layer', 'backward_layer', 'weights'];
/** Keys of the configs that must be equal in both layers. */
const COMMON = [
  ['stateful', 'stateful'],
  ['return_sequences', 'returnSequences'],
  ['return_state', 'returnState'],
] as const;

/**
 * The config of Bidirectional. Without `backward_layer` it is a copy of `layer` that goes backwards.
 * @throws {Problem} invalid-request, invalid-config, limit-exceeded
 */
export function parseBidirectional(
  config: JsonObject,
  pointer: string,
  options: FieldOptions,
  budget: CellBudget,
): ParsedBidirectional {
  const { head: named, rest } = parseHead(CLASS_NAME, config, pointer, options.autoName);
  refuseUnknownKeys(CLASS_NAME, KEYS, rest, pointer);
  const mergeMode = parseMergeMode(rest, pointer);
  if ((own(rest, 'weights') ?? null) !== null) {
    throw fieldProblem(
      'invalid-config',
      child(pointer, 'weights'),
      '`weights` stand beside the config in a request, not in it. Send null here.',
    );
  }
  const sent = own(rest, 'layer');
  if (sent === undefined) throw missing(CLASS_NAME, 'layer', 'a serialized layer', pointer);
  const layerPointer = child(pointer, 'layer');
  const refusal = `Please initialize \`Bidirectional\` layer with a \`keras.layers.Layer\` instance. Received: ${python(sent)}`;
  const { layer, unwrapped } = parseLayerObject(sent, layerPointer, options, budget, refusal);
  const given = own(rest, 'backward_layer') ?? null;
  const backwardPointer = child(pointer, 'backward_layer');
  const backward =
    given === null
      ? { layer: renamed(layer, 'backward_', { goBackwards: true }), unwrapped }
      : parseLayerObject(given, backwardPointer, options, budget, backwardRefusal(given));
  const forwardLayer = withZeroOutput(renamed(layer, 'forward_', {}));
  const backwardLayer = withZeroOutput(backward.layer);
  const at = given === null ? layerPointer : backwardPointer;
  checkPair(forwardLayer, backwardLayer, child(at, 'config'));
  checkWidths(mergeMode, forwardLayer, backwardLayer, backwardPointer);
  const head = named();
  return {
    kind: 'bidirectional',
    className: CLASS_NAME,
    ...head,
    config: {
      ...serializeHead(head),
      merge_mode: mergeMode,
      layer: wrap(unwrapped, forwardLayer.config),
      backward_layer: wrap(backward.unwrapped, backwardLayer.config),
    },
    mergeMode,
    forwardLayer,
    backwardLayer,
  };
}

function backwardRefusal(given: Json): string {
  return `\`backward_layer\` need to be a \`keras.layers.Layer\` instance. Received: ${python(given)}`;
}

function parseMergeMode(config: JsonObject, pointer: string): MergeMode | null {
  const sent = Object.hasOwn(config, 'merge_mode') ? config.merge_mode : 'concat';
  if (sent === null) return null;
  const known = MERGE_MODES.find((mode) => mode === sent);
  if (known !== undefined) return known;
  const modes = MERGE_MODES.map((mode) => `"${mode}"`).join(', ');
  const text = `Invalid merge mode. Received: ${typeof sent === 'string' ? sent.slice(0, 80) : python(sent)}. Send one of ${modes} or null.`;
  throw fieldProblem('invalid-config', child(pointer, 'merge_mode'), text);
}

/** The layer under the name that Keras gives its copy, which has the prefix once. */
function renamed(layer: ParsedLayer, prefix: string, change: { readonly goBackwards?: true }): ParsedLayer {
  const name = prefix + (layer.name.startsWith(prefix) ? layer.name.slice(prefix.length) : layer.name);
  const direction: JsonObject = change.goBackwards ? { go_backwards: true } : {};
  return { ...layer, ...change, name, config: { ...layer.config, name, ...direction } };
}

/** Keras forces zero_output_for_mask to the value of return_sequences, on both layers. */
function withZeroOutput(layer: ParsedLayer): ParsedLayer {
  const zero = layer.returnSequences;
  return { ...layer, zeroOutputForMask: zero, config: { ...layer.config, zero_output_for_mask: zero } };
}

function checkPair(forward: ParsedLayer, backward: ParsedLayer, pointer: string): void {
  if (forward.goBackwards === backward.goBackwards) {
    const [one, other] = [python(forward.goBackwards), python(backward.goBackwards)];
    const text = `Forward layer and backward layer should have different \`go_backwards\` value. Received: forward_layer.go_backwards ${one}, backward_layer.go_backwards=${other}.`;
    throw fieldProblem('invalid-config', child(pointer, 'go_backwards'), text);
  }
  for (const [key, option] of COMMON) {
    if (forward[option] === backward[option]) continue;
    const [one, other] = [python(forward[option]), python(backward[option])];
    const text = `Forward layer and backward layer are expected to have the same value for attribute "${key}", got "${one}" for forward layer and "${other}" for backward layer.`;
    throw fieldProblem('invalid-config', child(pointer, key), text);
  }
}

/** All merge modes except concat and null combine the outputs element by element. */
function checkWidths(mode: MergeMode | null, forward: ParsedLayer, backward: ParsedLayer, pointer: string): void {
  const [one, other] = [outputWidth(forward.cell), outputWidth(backward.cell)];
  if (mode === null || mode === 'concat' || one === other) return;
  const text = `merge_mode "${mode}" needs outputs of one width: the forward layer has ${one} units, the backward layer ${other}.`;
  throw fieldProblem('invalid-config', pointer, text);
}

/** The width of a cell's output: of the last cell of a stack. */
function outputWidth(cell: ParsedCell | ParsedStack): number {
  const last = cell.kind === 'cell' ? undefined : cell.cells.at(-1);
  if (cell.kind === 'cell') return cell.units;
  if (last === undefined) throw new TypeError('a stack has at least one cell');
  return outputWidth(last);
}
