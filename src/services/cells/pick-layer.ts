import type { FileLayer } from '../../domain/files.ts';
import { fieldProblem, Problem } from '../../domain/problems.ts';

/** Names that a message quotes. */
const MAX_NAMES = 20;
/** Names that the extension member `layers` lists. */
const MAX_LISTED = 1000;

/**
 * The layer that `?layer=` names, or the only one.
 * @throws {Problem} several-layers, with their names; invalid-value where it has none of that name; invalid-file where
 * it has none at all
 */
export function pickLayer(layers: readonly FileLayer[], name: string | undefined): FileLayer {
  const whole = layers.filter(({ missing }) => missing === undefined);
  const [first, ...others] = whole;
  if (name === undefined && first !== undefined && others.length === 0) return first;
  const layer = whole.find((one) => one.name === name);
  if (layer) return layer;
  const part = name === undefined && whole.length === 0 ? layers.at(0) : layers.find((one) => one.name === name);
  if (part) throw new Problem('invalid-file', `The layer '${part.name}' of the file has no '${part.missing}'.`);
  const names = whole.map((one) => one.name);
  const listed = names.slice(0, MAX_NAMES).map((one) => `'${one}'`);
  const list = `${listed.join(', ')}${names.length > MAX_NAMES ? ` and ${names.length - MAX_NAMES} more` : ''}`;
  if (name !== undefined) {
    throw fieldProblem('invalid-value', '?layer', `The file has no layer '${name}'. It has: ${list || 'none'}.`);
  }
  if (names.length === 0) throw new Problem('invalid-file', 'The file holds no weights of a recurrent cell.');
  throw new Problem('several-layers', `The file holds several layers: ${list}. Send ?layer= with one of these names.`, {
    extra: { layers: names.slice(0, MAX_LISTED) },
  });
}
