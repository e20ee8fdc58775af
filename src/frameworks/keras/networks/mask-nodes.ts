import { isArray, type Json, type JsonObject } from '../../../domain/json.ts';
import { own } from '../../place.ts';
import { argumentsOf, type GraphNode, tensorOf } from './functional-nodes.ts';
import type { MaskedTensor, MaskOperator, MaskTerm, MaskTerms } from './mask-terms.ts';
import { unsupportedNetwork } from './network-layers.ts';

/** How many operators may be between a mask and its tensors: an Add of many inputs has one for each. */
const MAX_DEPTH = 500;

/** What an operator has to be given, besides its tensors, to be one that makes masks. */
const OPTIONS: Readonly<Record<MaskOperator, Readonly<Record<string, readonly Json[]>>>> = {
  NotEqual: {},
  LogicalOr: {},
  ZerosLike: {},
  OnesLike: {},
  Any: { axis: [-1], keepdims: [false] },
  ExpandDims: { axis: [-1] },
  // Only sequences of vectors are joined with their masks.
  Concatenate: { axis: [-1, 2] },
};

/**
 * Keras 3 saves how masks are computed as nodes of the graph, and gives the mask to a layer as an argument. The service
 * makes masks while it computes, so it compares the two and leaves the nodes out.
 */
export class MaskNodes {
  private readonly objects: ReadonlyMap<string, JsonObject>;
  private readonly terms: MaskTerms;
  private readonly known = new Map<string, MaskTerm>();

  /** `objects`: the operators by their names. */
  constructor(objects: ReadonlyMap<string, JsonObject>, terms: MaskTerms) {
    this.objects = objects;
    this.terms = terms;
  }

  has(name: string): boolean {
    return this.objects.has(name);
  }

  /** @throws {Problem} unsupported-network if a layer is given a mask that is not its input's */
  requireOwn(layer: GraphNode, [input]: readonly MaskedTensor[], tensors: ReadonlyMap<string, MaskedTensor>): void {
    if (layer.mask === undefined) return;
    const term = this.termOf(layer.mask, tensors);
    if (term !== undefined && term === input?.mask) return;
    throw unsupportedNetwork(
      layer.pointer,
      `Layer '${layer.name}' gets '${layer.mask}' as its mask, which is not the mask of its input. The mask must come from a layer, such as Masking, or Embedding with \`mask_zero\`.`,
    );
  }

  /** @throws {Problem} unsupported-network where an operator computes no mask of a layer */
  requireUsed(pointer: string): void {
    const unused = [...this.objects.keys()].find((name) => !this.known.has(name));
    if (unused === undefined) return;
    throw unsupportedNetwork(pointer, `'${unused}' computes no mask of a layer. Send the network without it.`);
  }

  /** What a node computes, from the layers that are read; undefined if no layer makes such a mask. */
  private termOf(name: string, tensors: ReadonlyMap<string, MaskedTensor>, depth = 0): MaskTerm | undefined {
    const object = this.objects.get(name);
    const known = this.known.get(name);
    // Operators in a circle end here too.
    if (known !== undefined || !object || depth > MAX_DEPTH) return known;
    const operands: MaskTerm[] = [];
    for (const value of operandsOf(object) ?? []) {
      const term = this.operand(value, tensors, depth);
      if (term === undefined) return undefined;
      operands.push(term);
    }
    if (operands.length === 0) return undefined;
    const term = this.terms.of(operatorOf(object), ...operands);
    this.known.set(name, term);
    return term;
  }

  private operand(value: Json, tensors: ReadonlyMap<string, MaskedTensor>, depth: number): MaskTerm | undefined {
    if (typeof value === 'number') return this.terms.number(value);
    const from = tensorOf(value);
    if (from === undefined) return undefined;
    const tensor = tensors.get(from);
    return tensor ? this.terms.tensor(tensor) : this.termOf(from, tensors, depth + 1);
  }
}

/** Undefined where the operator has other options than in a mask. */
function operandsOf(object: JsonObject): readonly Json[] | undefined {
  const config = (own(object, 'config') ?? {}) as JsonObject;
  const options = Object.entries(OPTIONS[operatorOf(object)]);
  const fits = options.every(([key, values]) => values.includes(own(config, key) ?? null));
  const given = fits ? argumentsOf(own(object, 'inbound_nodes') ?? null) : undefined;
  return given && Object.keys(given.kwargs).length === 0
    ? given.args.flatMap((one) => (isArray(one) ? one : [one]))
    : undefined;
}

function operatorOf(object: JsonObject): MaskOperator {
  return own(object, 'class_name') as MaskOperator;
}
