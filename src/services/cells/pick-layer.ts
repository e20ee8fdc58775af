import type { FileLayer, Imported, Skipped, WeightFile } from '../../domain/files.ts';
import { fieldProblem, Problem } from '../../domain/problems.ts';

/** The most names that a message quotes. */
const MAX_NAMES = 20;
/** The most entries of the lists `layers` and `skipped` in a reply. */
const MAX_LISTED = 1000;

export interface PickedLayer {
  readonly layer: FileLayer;
  /** Absent if the file has nothing else. */
  readonly imported?: Imported;
}

/**
 * The layer that `?layer=` names, or the whole network, or the only layer; and the parts of the file that are left out.
 * `whole`: take the network if there is one.
 * @throws {Problem} several-layers with their names; invalid-value for an unknown name; invalid-file if the file has no layer
 */
export function pickLayer(file: WeightFile, name: string | undefined, whole: boolean): PickedLayer {
  const { network } = file;
  if (network && whole && name === undefined) return { layer: network };
  const layer = findLayer(file, name);
  const others = file.layers.filter((one) => one !== layer).map((one) => ({ name: one.name, reason: reasonOf(one) }));
  const skipped = [...others, ...file.skipped];
  return withSkipped(layer, skipped);
}

/** A layer, and what of its file is left out. */
export function withSkipped(layer: FileLayer, skipped: readonly Skipped[]): PickedLayer {
  return skipped.length === 0 ? { layer } : { layer, imported: { layers: [layer.name], skipped: listed(skipped) } };
}

function reasonOf({ name, missing }: FileLayer): string {
  if (missing !== undefined) return `It has no '${missing}', so it is not a whole layer.`;
  return `Another layer was taken. Send ?layer=${name} to take this one.`;
}

/** The skipped parts, shortened for a reply. */
export function listed(skipped: readonly Skipped[]): readonly Skipped[] {
  if (skipped.length <= MAX_LISTED) return skipped;
  const rest = skipped.length - MAX_LISTED + 1;
  return [...skipped.slice(0, MAX_LISTED - 1), { name: '…', reason: `${rest} more parts of the file are left out.` }];
}

function findLayer({ layers, skipped }: WeightFile, name: string | undefined): FileLayer {
  const whole = layers.filter(({ missing }) => missing === undefined);
  const [first, ...others] = whole;
  if (name === undefined && first !== undefined && others.length === 0) return first;
  const layer = whole.find((one) => one.name === name);
  if (layer) return layer;
  const part = name === undefined && whole.length === 0 ? layers.at(0) : layers.find((one) => one.name === name);
  if (part) throw new Problem('invalid-file', `The layer '${part.name}' of the file has no '${part.missing}'.`);
  const left = name === undefined ? skipped.at(0) : skipped.find((one) => one.name === name);
  if (left && (name !== undefined || whole.length === 0)) {
    throw new Problem('invalid-file', `No cell can be made of '${left.name}' in the file: ${left.reason}`);
  }
  const names = whole.map((one) => one.name);
  const quoted = names.slice(0, MAX_NAMES).map((one) => `'${one}'`);
  const list = `${quoted.join(', ')}${names.length > MAX_NAMES ? ` and ${names.length - MAX_NAMES} more` : ''}`;
  if (name !== undefined) {
    throw fieldProblem('invalid-value', '?layer', `The file has no layer '${name}'. It has: ${list || 'none'}.`);
  }
  if (names.length === 0) throw new Problem('invalid-file', 'The file holds no weights of a recurrent cell.');
  throw new Problem('several-layers', `The file holds several layers: ${list}. Send ?layer= with one of these names.`, {
    extra: { layers: names.slice(0, MAX_LISTED) },
  });
}
