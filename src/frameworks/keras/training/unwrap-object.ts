import { isJsonObject, type Json, type JsonObject, quote } from '../../../domain/json.ts';
import { child, fieldProblem, type Problem } from '../../../domain/problems.ts';
import { checkSize, own, refuseUnknown } from '../../place.ts';
import { WRAPPER_KEYS } from '../parse-object.ts';
import { suggest } from '../suggestions.ts';

/** A loss, an optimizer or a schedule as it was sent: by a bare name, or serialized. */
export interface SentObject {
  readonly name: string;
  readonly config: JsonObject;
  readonly configPointer: string;
}

/**
 * Takes a name or `{ "class_name", "config" }` apart, with or without the rest of what serialize_keras_object prints. A
 * function of Keras is serialized with its name as config.
 * @throws {Problem} invalid-config, limit-exceeded
 */
export function unwrapObject(kind: string, names: readonly string[], sent: Json, pointer: string): SentObject {
  checkSize(sent, pointer);
  if (typeof sent === 'string') return { name: sent, config: {}, configPointer: pointer };
  const className = isJsonObject(sent) ? own(sent, 'class_name') : undefined;
  if (!isJsonObject(sent) || typeof className !== 'string') {
    const detail = `${quote(sent)} does not name a known ${kind}. Send a name or {"class_name", "config"}. Names: ${names.join(', ')}.`;
    throw fieldProblem('invalid-config', pointer, detail);
  }
  refuseUnknown(
    sent,
    (key) => WRAPPER_KEYS.includes(key),
    pointer,
    'invalid-config',
    (unknown) => {
      return `A serialized ${kind} has no ${quote(Object.keys(unknown)[0])}: put parameters into its \`config\`.`;
    },
  );
  const config = own(sent, 'config') ?? {};
  if (className === 'function' && typeof config === 'string') return unwrapObject(kind, names, config, pointer);
  const configPointer = child(pointer, 'config');
  if (isJsonObject(config)) return { name: className, config, configPointer };
  throw fieldProblem(
    'invalid-config',
    configPointer,
    `The config of ${className} is ${quote(config)}; send an object.`,
  );
}

/** @throws {Problem} invalid-config, which says that the name is not one of these */
export function unknownName(kind: string, names: readonly string[], sent: string, pointer: string): Problem {
  const shown = quote(sent.slice(0, 80));
  return fieldProblem(
    'invalid-config',
    pointer,
    `Could not interpret ${kind} identifier: ${shown}. ${suggest(sent, names)}`,
  );
}
