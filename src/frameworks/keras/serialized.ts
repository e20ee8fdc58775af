import { isArray, isJsonObject, type Json, type JsonObject, quote } from '../../domain/json.ts';
import { child, fieldProblem } from '../../domain/problems.ts';
import { checkSize, own, refuseUnknown } from '../place.ts';
import { KERAS_CLASSES, type KerasClass } from './cell-classes.ts';
import { WRAPPER_KEYS } from './parse-object.ts';
import { suggest } from './suggestions.ts';

/** The parts of the output of keras.saving.serialize_keras_object(cell). */
export interface UnwrappedObject {
  readonly className: KerasClass;
  readonly config: JsonObject;
  /** As sent, if not empty. It is printed again inside a composite's config. */
  readonly buildConfig?: JsonObject;
  /** The shape that the cell was built with, if build_config has one. */
  readonly inputShape?: readonly (number | null)[];
}

/** @throws {Problem} invalid-config if it is not a class that this service knows */
export function requireKerasClass(className: string, pointer: string): KerasClass {
  const known = KERAS_CLASSES.find((name) => name === className);
  if (known !== undefined) return known;
  const text = `Could not locate class ${quote(className)} in keras.layers' recurrent classes. ${suggest(className, KERAS_CLASSES)}`;
  throw fieldProblem('invalid-config', pointer, text);
}

/**
 * Takes a serialized cell or layer apart: `module` "keras.layers" or left out, `class_name`, `config`, `registered_name`,
 * `build_config`.
 * @throws {Problem} invalid-request if it has not this form, invalid-config if it names another class, limit-exceeded
 */
export function unwrapSerialized(value: JsonObject, pointer: string): UnwrappedObject {
  checkSize(value, pointer);
  refuseUnknown(
    value,
    (key) => WRAPPER_KEYS.includes(key),
    pointer,
    'invalid-request',
    (unknown) => {
      const key = Object.keys(unknown)[0];
      return `A serialized layer has no ${quote(key)}; it has ${WRAPPER_KEYS.join(', ')}. Put arguments into its \`config\`.`;
    },
  );
  const name = own(value, 'class_name');
  if (typeof name !== 'string') {
    const at = child(pointer, 'class_name');
    throw fieldProblem(
      'invalid-request',
      at,
      `\`class_name\` is ${quote(name)}; send one of: ${KERAS_CLASSES.join(', ')}.`,
    );
  }
  const className = requireKerasClass(name, child(pointer, 'class_name'));
  const module = own(value, 'module');
  if (module !== undefined && module !== 'keras.layers') {
    const text = `Could not locate class ${quote(className)} in module ${quote(module)}; its module is "keras.layers".`;
    throw fieldProblem('invalid-config', child(pointer, 'module'), text);
  }
  const registered = own(value, 'registered_name') ?? null;
  if (registered !== null && registered !== className) {
    const text = `\`registered_name\` is ${quote(registered)}; ${className} is built in, so send null.`;
    throw fieldProblem('invalid-config', child(pointer, 'registered_name'), text);
  }
  const config = own(value, 'config') ?? {};
  if (!isJsonObject(config)) {
    throw fieldProblem(
      'invalid-request',
      child(pointer, 'config'),
      `Expected 'config' to be a dict for ${className}, got ${quote(config)}.`,
    );
  }
  return { className, config, ...readBuildConfig(own(value, 'build_config') ?? null, child(pointer, 'build_config')) };
}

/** Keras prints `{ input_shape }`, or `{ shapes_dict }` for a layer that was built with initial states. */
function readBuildConfig(value: Json, pointer: string): Pick<UnwrappedObject, 'buildConfig' | 'inputShape'> {
  if (value === null) return {};
  if (!isJsonObject(value))
    throw fieldProblem('invalid-request', pointer, `\`build_config\` is ${quote(value)}; send an object or null.`);
  const [key, ...others] = Object.keys(value);
  if (key === undefined) return {};
  if (key === 'shapes_dict' && others.length === 0 && isJsonObject(value.shapes_dict)) return { buildConfig: value };
  const shape = own(value, 'input_shape') ?? null;
  if (others.length === 0 && isArray(shape) && shape.every(isExtent)) return { buildConfig: value, inputShape: shape };
  throw fieldProblem(
    'invalid-request',
    pointer,
    `\`build_config\` is ${quote(value)}; send {"input_shape": [null, features]}.`,
  );
}

function isExtent(extent: Json): extent is number | null {
  return extent === null || (typeof extent === 'number' && Number.isSafeInteger(extent) && extent >= 0);
}
