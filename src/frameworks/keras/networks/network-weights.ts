import type { NamedTensors } from '../../../domain/files.ts';
import type { JsonObject } from '../../../domain/json.ts';
import { Problem } from '../../../domain/problems.ts';
import type { NetworkClass } from './network-config.ts';
import { kerasNetwork } from './network-definition.ts';

/**
 * Weights of a network by the names of its variables. A Keras 3 file numbers the weights of each layer, `dense.0`, trainable
 * ones first (Layer.save_own_variables).
 * @throws {Problem} invalid-file if a layer has no variable with this number; as kerasNetwork
 */
export function* networkWeights(
  className: NetworkClass,
  config: JsonObject,
  weights: NamedTensors,
): Generator<void, NamedTensors> {
  // The limits are checked when the cell is made.
  const options = { maxUnits: Number.MAX_SAFE_INTEGER, autoName: (base: string) => base };
  const specs = (yield* kerasNetwork(className, config, options)).variables(1);
  const ordered = [...specs.filter(({ trainable }) => trainable), ...specs.filter(({ trainable }) => !trainable)];
  // The layer 'a.b' is another one than 'a'.
  const ofLayers = Map.groupBy(ordered, ({ name }) => name.replace(/\.[^.]*$/, ''));
  const renamed = [...weights].map(([name, tensor]) => {
    const [, layer, place] = /^(.+)\.(\d+)$/s.exec(name) ?? [];
    if (layer === undefined) return [name, tensor] as const;
    const spec = ofLayers.get(layer)?.[Number(place)];
    if (spec) return [spec.name, tensor] as const;
    throw new Problem(
      'invalid-file',
      `The layer '${layer}' of the file has an array ${place} that its class does not have.`,
    );
  });
  return new Map(renamed);
}
