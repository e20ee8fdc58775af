import { isJsonObject, type Json, type JsonObject, quote } from '../../domain/json.ts';
import { child, fieldProblem, type Problem } from '../../domain/problems.ts';
import type { InitializerSpec, InitializerTemplate } from '../../domain/program.ts';
import { checkSize, entry, own, python, refuseUnknown } from '../place.ts';
import { KERAS_CONSTRAINTS, KERAS_INITIALIZERS, KERAS_REGULARIZERS, type KnownObject } from './identifiers.ts';
import { type CheckedParameters, readParameters } from './parameters.ts';
import { suggest } from './suggestions.ts';

/** Keys of a serialized Keras object besides `class_name` and `config`. Only `build_config` matters here. */
export const WRAPPER_KEYS = ['module', 'class_name', 'config', 'registered_name', 'build_config', 'shared_object_id'];

export interface ParsedInitializer {
  readonly spec: InitializerTemplate;
  /** The form in get_config(). null stays null, although it draws like GlorotUniform. */
  readonly serialized: Json;
}

type Kind = 'initializer' | 'regularizer' | 'constraint';

const TABLES: Readonly<Record<Kind, Readonly<Record<string, KnownObject>>>> = {
  initializer: KERAS_INITIALIZERS,
  regularizer: KERAS_REGULARIZERS,
  constraint: KERAS_CONSTRAINTS,
};

/**
 * An initializer by any identifier that keras.initializers.get() takes: a name, an alias, a serialized object with or
 * without its module, or null for Keras' default.
 * @throws {Problem} invalid-config
 */
export function parseInitializer(identifier: Json, pointer: string): ParsedInitializer {
  if (identifier === null) return { spec: parseInitializer('GlorotUniform', pointer).spec, serialized: null };
  const { className, checked, serialized } = parseObject('initializer', identifier, pointer);
  return { spec: { className, params: checked.values }, serialized };
}

/** The template with its seed drawn, if it has one and it is null. */
export function withSeed(template: InitializerTemplate, newSeed: () => number): InitializerSpec {
  const { className, params } = template;
  return params.seed === null ? { className, params: { ...params, seed: newSeed() } } : template;
}

/**
 * Refuses an initializer that cannot fill a variable of so many axes.
 * @throws {Problem} invalid-config
 */
export function checkInitializerFits({ className, params }: InitializerTemplate, rank: number, pointer: string): void {
  const refuse = (why: string) =>
    fieldProblem('invalid-config', pointer, `${className} ${why}; this variable has ${rank}.`);
  if (className === 'Identity' && rank !== 2) throw refuse('fills variables of exactly 2 axes');
  if (className === 'Orthogonal' && rank < 2) throw refuse('fills variables of at least 2 axes');
  if (params.input_axes == null || params.output_axes == null) return;
  for (const axes of [params.input_axes, params.output_axes]) {
    if (Array.isArray(axes) && axes.some((axis) => axis < -rank || axis >= rank)) {
      throw refuse(`has the axes ${quote(axes)}`);
    }
  }
}

/** A regularizer as get_config() prints it, from any identifier that keras.regularizers.get() accepts. null means none. */
export function parseRegularizer(identifier: Json, pointer: string): Json {
  return identifier === null ? null : parseObject('regularizer', identifier, pointer).serialized;
}

/** A constraint as get_config() prints it, from any identifier that keras.constraints.get() accepts. null means none. */
export function parseConstraint(identifier: Json, pointer: string): Json {
  return identifier === null ? null : parseObject('constraint', identifier, pointer).serialized;
}

interface ParsedObject {
  readonly className: string;
  readonly checked: CheckedParameters;
  readonly serialized: JsonObject;
}

function parseObject(kind: Kind, identifier: Json, pointer: string): ParsedObject {
  checkSize(identifier, pointer);
  const { sent, config, configPointer } = unwrap(kind, identifier, pointer);
  const className = canonicalName(kind, sent);
  if (className === undefined) throw uninterpretable(kind, identifier, sent, pointer);
  const known = TABLES[kind][className];
  if (known.unusable !== undefined) {
    throw fieldProblem(
      'invalid-config',
      pointer,
      `${kind} ${quote(sent)} cannot be used in a cell: ${known.unusable}.`,
    );
  }
  const checked = readParameters(className, known.parameters, config, configPointer, known.requiredInConfig);
  const printed: Record<string, Json> = {};
  for (const [key, value] of Object.entries(checked.json)) {
    if (known.unserialized?.includes(key)) continue;
    printed[key] = known.float32?.includes(key) ? float32(value, className, child(configPointer, key)) : value;
  }
  return {
    className,
    checked,
    serialized: { module: known.module, class_name: className, config: printed, registered_name: null },
  };
}

/** Name and parameters of an identifier; a bare name has no parameters. Keras reads `module` only to refuse null. */
function unwrap(
  kind: Kind,
  identifier: Json,
  pointer: string,
): { sent: string; config: JsonObject; configPointer: string } {
  if (typeof identifier === 'string') return { sent: identifier, config: {}, configPointer: pointer };
  if (!isJsonObject(identifier)) throw uninterpretable(kind, identifier, undefined, pointer);
  const sent = own(identifier, 'class_name');
  if (typeof sent !== 'string') throw uninterpretable(kind, identifier, undefined, pointer);
  refuseUnknown(
    identifier,
    (key) => WRAPPER_KEYS.includes(key),
    pointer,
    'invalid-config',
    (unknown) => {
      return `A serialized ${kind} has no ${quote(Object.keys(unknown)[0])}: put parameters into its \`config\`.`;
    },
  );
  const module = own(identifier, 'module');
  if (module !== undefined && typeof module !== 'string') {
    const text = `Cannot deserialize object of type \`${sent}\` with module ${quote(module)}. Leave \`module\` out or send "keras.${kind}s".`;
    throw fieldProblem('invalid-config', child(pointer, 'module'), text);
  }
  const config = own(identifier, 'config') ?? {};
  const configPointer = child(pointer, 'config');
  if (!isJsonObject(config)) {
    throw fieldProblem(
      'invalid-config',
      configPointer,
      `Expected 'config' to be a dict for ${quote(sent)}, got ${quote(config)}.`,
    );
  }
  return { sent, config, configPointer };
}

function canonicalName(kind: Kind, identifier: string): string | undefined {
  if (entry(TABLES[kind], identifier) !== undefined) return identifier;
  return Object.keys(TABLES[kind]).find((name) => TABLES[kind][name].identifiers.includes(identifier));
}

function uninterpretable(kind: Kind, identifier: Json, sent: string | undefined, pointer: string): Problem {
  const usable = Object.values(TABLES[kind]).filter((known) => known.unusable === undefined);
  const names = usable.map((known) => known.identifiers[0]);
  const hint =
    sent === undefined
      ? `Send a name or {"class_name", "config"}. Names: ${names.join(', ')}.`
      : suggest(sent, sent === sent.toLowerCase() ? usable.flatMap((known) => known.identifiers) : names);
  const shown = typeof identifier === 'string' ? identifier.slice(0, 80) : python(identifier);
  return fieldProblem('invalid-config', pointer, `Could not interpret ${kind} identifier: ${shown}. ${hint}`);
}

/** Keras keeps some penalties as float32 tensors; get_config() prints them back as float64. */
function float32(value: Json, name: string, pointer: string): Json {
  const rounded = Math.fround(Number(value));
  if (Number.isFinite(rounded)) return rounded;
  throw fieldProblem('invalid-config', pointer, `${name} keeps a float32; ${quote(value)} is beyond its range.`);
}
