import type { VariableSpec, Weights } from '../../../domain/cell-definition.ts';
import { type Json, quote } from '../../../domain/json.ts';
import type { AnyLayer, LayerKind, LayerParams } from '../../../domain/layers.ts';
import type { MaskRule } from '../../../domain/network.ts';
import { child, fieldProblem, Problem } from '../../../domain/problems.ts';
import type { ActivationSpec, SequenceProgram } from '../../../domain/program.ts';
import { type Dtype, type FloatArray, formatShape, type Shape, sizeOf } from '../../../domain/tensor.ts';
import type { Fields } from '../cell-classes.ts';
import type { FieldOptions, FieldSet } from '../fields.ts';
import type { LayerHead } from '../layer-head.ts';
import { checkInitializerFits } from '../parse-object.ts';
import type { Part } from '../parts.ts';
import { variableRules } from '../variable-rules.ts';

/** A signal between layers: [batch, time, …dims], or without time. */
export interface Signal {
  readonly time: boolean;
  /** The number of steps, if it is fixed. */
  readonly steps: number | null;
  readonly dims: Shape;
  readonly dtype: Dtype;
  readonly masked: boolean;
  /** The layer sees single steps: Keras' axes are counted without the one of time. */
  readonly mapped: boolean;
}

/** A layer's config, read by the fields of its class. */
export interface LayerSource {
  readonly className: string;
  readonly head: LayerHead;
  readonly set: FieldSet;
  readonly pointer: string;
  readonly options: FieldOptions;
}

interface Defined {
  readonly output: Signal;
  /** By their names within the layer, in the order of layer.weights. */
  readonly variables: readonly VariableSpec[];
  readonly mask: MaskRule;
  /** An output needs later steps, so the layer has no single step. */
  readonly ahead: boolean;
}

/** A layer that is not a cell: its program without the weights. */
export interface DefinedLayer extends Defined {
  readonly kind: 'layer';
  program(arrays: Readonly<Record<string, FloatArray>>): AnyLayer;
  /** The dtype that its weights are cast to. */
  readonly arrayDtype: Dtype;
  /** Arrays of the program that are not variables. */
  readonly constants?: Readonly<Record<string, FloatArray>>;
  readonly activation?: ActivationSpec;
}

export interface DefinedRecurrent extends Defined {
  readonly kind: 'recurrent';
  readonly parts: readonly { readonly prefix: string; readonly part: Part }[];
  readonly returnSequences: boolean;
  readonly zeroOutputForMask: boolean;
  program(weights: Weights): SequenceProgram;
}

/** A class of layers: its config keys in the order of get_config(), and what they make of its inputs. */
export interface LayerClass {
  readonly fields: Fields;
  /** It takes several inputs. */
  readonly several?: true;
  define(source: LayerSource, inputs: readonly Signal[]): DefinedLayer | DefinedRecurrent;
  /** get_config(), if it is more than the head and the fields in order. */
  print?(source: LayerSource): Record<string, Json>;
}

interface LayerShape<K extends LayerKind> {
  readonly kind: K;
  readonly params: LayerParams[K];
  readonly inputs: readonly Signal[];
  readonly output: Signal;
  readonly variables?: readonly VariableSpec[];
  readonly mask?: MaskRule;
  /** Keras keeps the weights in their own dtype under a mixed policy (autocast=False). */
  readonly ownDtype?: boolean;
  readonly ahead?: boolean;
  readonly reach?: 'step' | 'sequence';
  readonly activation?: ActivationSpec;
  readonly rowWidth?: number;
  readonly window?: AnyLayer['window'];
  readonly constants?: DefinedLayer['constants'];
}

/** A layer's definition, what is usual filled in: it works on steps, passes the mask on and keeps its numbers' count. */
export function defineLayer<K extends LayerKind>({ head }: LayerSource, shape: LayerShape<K>): DefinedLayer {
  const { kind, params, inputs, output, variables = [], mask, ownDtype, ahead = false, reach = 'step' } = shape;
  const { activation, window, constants } = shape;
  const { computeDtype, variableDtype } = head.policy;
  const passes = inputs[0].masked;
  const rule = mask ?? { kind: 'pass' };
  const masked = rule.kind === 'non-zero' || rule.kind === 'differs' || (rule.kind === 'pass' && passes);
  return {
    kind: 'layer',
    output: { ...output, dtype: computeDtype, masked: masked || (isJoin(rule) && joins(rule, inputs)) },
    variables,
    mask: rule,
    ahead: ahead || reach === 'sequence',
    arrayDtype: ownDtype ? variableDtype : computeDtype,
    constants,
    activation,
    program: (arrays) =>
      ({
        kind,
        params,
        arrays: { ...constants, ...arrays },
        computeDtype,
        activation: activation?.name === 'linear' ? undefined : activation,
        rowWidth: shape.rowWidth ?? output.dims.at(-1) ?? 1,
        reach,
        window,
        inputWidths: inputs.map(({ dims }) => sizeOf(dims)),
        outputWidth: sizeOf(output.dims),
      }) as unknown as AnyLayer,
  };
}

function isJoin({ kind }: MaskRule): boolean {
  return kind === 'any' || kind === 'concatenate';
}

function joins({ kind }: MaskRule, inputs: readonly Signal[]): boolean {
  return kind === 'any' ? inputs.every(({ masked }) => masked) : inputs.some(({ masked }) => masked);
}

/** A variable whose initializer is that field of the config. */
export function variable(source: LayerSource, name: string, shape: Shape, field: string): VariableSpec {
  const { head, set, pointer } = source;
  const initializer = set.initializers.get(field);
  if (!initializer) throw new TypeError(`the class has no ${field}`);
  checkInitializerFits(initializer, shape.length, child(pointer, field));
  const { trainable, policy } = head;
  const rules = variableRules(Object.fromEntries(set.json), field.replace(/_initializer$/, ''));
  return { name, shape, dtype: policy.variableDtype, trainable, initializer, ...rules };
}

/** A variable that Keras always begins with zeros or ones. */
export function constantVariable(source: LayerSource, name: string, shape: Shape, className: 'Zeros' | 'Ones') {
  const { trainable, policy } = source.head;
  return { name, shape, dtype: policy.variableDtype, trainable, initializer: { className, params: {} } };
}

/** The axes that Keras counts before `dims`. */
function leading({ time, mapped }: Signal): number {
  return time && !mapped ? 2 : 1;
}

/** A signal's shape as Keras writes it. */
export function kerasShape(signal: Signal): (number | null)[] {
  return [null, ...(signal.time && !signal.mapped ? [signal.steps] : []), ...signal.dims];
}

/** Keras' axis as an index of `dims`, or as the one of time. @throws {Problem} invalid-config */
export function axisOf(source: LayerSource, signal: Signal, axis: number, field = 'axis'): number | 'time' {
  const rank = leading(signal) + signal.dims.length;
  const positive = axis < 0 ? axis + rank : axis;
  const index = positive - leading(signal);
  if (Number.isInteger(axis) && positive > 0 && positive < rank) return index < 0 ? 'time' : index;
  throw impossible(source, field, axis, `an axis of ${formatShape(kerasShape(signal))} other than the batch's`);
}

export function impossible({ set, pointer }: LayerSource, field: string, value: Json, expected: string): Problem {
  const sent = value ?? set.json.get(field);
  return fieldProblem('invalid-config', child(pointer, field), `\`${field}\` is ${quote(sent)}; send ${expected}.`);
}

/** A setting that Keras knows and this service does not. */
export function unsupported({ className, head, pointer }: LayerSource, field: string, detail: string): Problem {
  const text = `Layer '${head.name}' (${className}): ${detail}`;
  return new Problem('unsupported-layer', text, { errors: [{ pointer: child(pointer, field), detail: text }] });
}

/** The problem for an input that does not fit the layer. */
export function misfit({ className, head, pointer }: LayerSource, detail: string): Problem {
  const text = `Layer '${head.name}' (${className}): ${detail}`;
  return new Problem('wrong-shape', text, { errors: [{ pointer, detail: text }] });
}

/** The features of the last axis. @throws {Problem} wrong-shape if there is no such axis */
export function featuresOf(source: LayerSource, signal: Signal): number {
  const features = signal.dims.at(-1);
  if (features !== undefined) return features;
  throw misfit(source, `its input has shape ${formatShape(kerasShape(signal))}, which has no axis of features.`);
}

/** The same signal with another last axis. */
export function withFeatures(signal: Signal, features: number): Signal {
  return { ...signal, dims: [...signal.dims.slice(0, -1), features] };
}
