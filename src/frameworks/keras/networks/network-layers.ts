import type { JsonObject } from '../../../domain/json.ts';
import { quote } from '../../../domain/json.ts';
import type { NamedSpec } from '../../../domain/learning.ts';
import { NETWORK_INPUT } from '../../../domain/network.ts';
import { fieldProblem, Problem } from '../../../domain/problems.ts';
import type { CellBudget } from '../composite-config.ts';
import type { FieldOptions } from '../fields.ts';
import type { DefinedLayer, DefinedRecurrent, Signal } from '../layers/layer-class.ts';
import { parseNetworkLayer, type SerializedLayer } from '../layers/parse-network-layer.ts';
import { activityOf } from '../variable-rules.ts';
import { type MaskedTensor, MaskTerms } from './mask-terms.ts';

/** The source of a signal: a layer by its index, or the input. */
export interface Source extends MaskedTensor {
  readonly signal: Signal;
}

/** A layer of the network under its full name, which begins with the names of the models around it. */
export interface PlacedLayer {
  readonly name: string;
  readonly className: string;
  readonly trainable: boolean;
  readonly inputs: readonly number[];
  readonly defined: DefinedLayer | DefinedRecurrent;
  /** What its outputs cost in training. */
  readonly activity?: NamedSpec;
}

const MAX_LAYERS = 1000;

/** The layers of a network as they are read, one after another, nested models flattened. */
export class NetworkLayers {
  readonly placed: PlacedLayer[] = [];
  readonly masks = new MaskTerms();
  private readonly names = new Set<string>();
  private readonly options: FieldOptions;
  private readonly budget: CellBudget;

  constructor(options: Pick<FieldOptions, 'maxUnits'>, maxCells: number) {
    this.options = { maxUnits: options.maxUnits, autoName: countingNames() };
    this.budget = { cells: 0, maxCells };
  }

  /** The name that Keras gives an unnamed layer in a new session. */
  get autoName(): FieldOptions['autoName'] {
    return this.options.autoName;
  }

  /**
   * Adds a layer. Also returns its config as get_config() prints it.
   * @throws {Problem} as parseNetworkLayer; invalid-config if its name is taken; limit-exceeded
   */
  add(
    layer: SerializedLayer,
    inputs: readonly Source[],
    within: { readonly prefix: string; readonly trainable: boolean },
  ): { readonly source: Source; readonly config: JsonObject } {
    if (this.placed.length >= MAX_LAYERS) {
      throw fieldProblem('limit-exceeded', layer.pointer, `A network has at most ${MAX_LAYERS} layers.`);
    }
    const signals = inputs.map(({ signal }) => signal);
    const parsed = parseNetworkLayer(layer, signals, this.options, this.budget);
    const name = `${within.prefix}${parsed.name}`;
    this.claim(name, layer.pointer);
    const trainable = within.trainable && parsed.trainable;
    const activity = activityOf(layer.className, parsed.config);
    this.placed.push({
      name,
      className: layer.className,
      trainable,
      inputs: inputs.map(({ index }) => index),
      defined: parsed.defined,
      ...(activity ? { activity } : {}),
    });
    const { output, mask: rule } = parsed.defined;
    const mask = this.masks.after(rule, inputs);
    const source = { index: this.placed.length - 1, signal: output, ...(mask === undefined ? {} : { mask }) };
    return { source, config: parsed.config };
  }

  /** @throws {Problem} invalid-config if another layer has the name */
  claim(name: string, pointer: string): void {
    if (this.names.has(name)) {
      throw fieldProblem('invalid-config', pointer, `Two layers are named ${quote(name)}. Give each its own name.`);
    }
    this.names.add(name);
  }
}

export function inputSource(signal: Signal): Source {
  return { index: NETWORK_INPUT, signal };
}

export function unsupportedNetwork(pointer: string, detail: string): Problem {
  return new Problem('unsupported-network', detail, { errors: [{ pointer, detail }] });
}

function countingNames(): FieldOptions['autoName'] {
  const counts = new Map<string, number>();
  return (base) => {
    const count = counts.get(base) ?? 0;
    counts.set(base, count + 1);
    return count === 0 ? base : `${base}_${count}`;
  };
}
