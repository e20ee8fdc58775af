import type { Framework } from '../domain/cell-definition.ts';
import { type FileLayer, type NamedTensors, TOP, type WeightFile } from '../domain/files.ts';
import type { Tensor } from '../domain/tensor.ts';

/** Longer names are of no weight that is known here, and would take long to match. */
const MAX_NAME_LENGTH = 200;

interface Naming {
  /** The prefix, and the framework's own name. */
  readonly pattern: RegExp;
  /** Every layer has some tensor of each of these names, which are without numbers and paths. */
  readonly needed: readonly string[];
  readonly stem: (name: string) => string;
}

const NAMINGS: Readonly<Record<Framework, Naming>> = {
  keras: {
    pattern:
      /^(?:(.*?)[./])??((?:(?:forward|backward)_layer\.)?(?:cells\.\d+\.)*(?:kernel|recurrent_kernel|bias))(?::0)?$/s,
    needed: ['kernel', 'recurrent_kernel'],
    stem: (name) => name.slice(name.lastIndexOf('.') + 1),
  },
  pytorch: {
    pattern: /^(?:(.*?)[./])??((?:weight_(?:ih|hh|hr)|bias_(?:ih|hh))(?:_l\d+(?:_reverse)?)?)$/s,
    needed: ['weight_ih', 'weight_hh'],
    stem: (name) => name.replace(/_l\d+(?:_reverse)?$/, ''),
  },
  onnx: {
    pattern: /^(?:(.*?)[./])??([WRBP])$/s,
    needed: ['W', 'R'],
    stem: (name) => name,
  },
};

interface Group {
  readonly name: string;
  readonly framework: Framework;
  readonly weights: Map<string, Tensor>;
  /** The names of its tensors in the file. */
  readonly full: string[];
}

/** A state_dict of PyTorch has weights only. */
const STATE_DICT = 'a state_dict holds weights only';

/**
 * The layers that named tensors belong to, told by their names: Keras' `kernel` and `cells.0.kernel`, PyTorch's
 * `weight_ih_l0`, ONNX' `W`, each after an optional path that names the layer. Other tensors are skipped.
 */
export function groupByLayer(tensors: NamedTensors): WeightFile {
  const groups = new Map<string, Group>();
  const others: string[] = [];
  for (const [full, tensor] of tensors) {
    const found = full.length <= MAX_NAME_LENGTH ? parseName(full) : undefined;
    if (!found) {
      others.push(full);
      continue;
    }
    const { framework, path, own } = found;
    const fresh: Group = { name: path, framework, weights: new Map(), full: [] };
    const group = groups.get(`${framework} ${path}`) ?? fresh;
    group.weights.set(own, tensor);
    group.full.push(full);
    groups.set(`${framework} ${path}`, group);
  }
  const layers = [...groups.values()].flatMap(({ full, ...group }): FileLayer[] => {
    const { needed, stem } = NAMINGS[group.framework];
    const stems = new Set([...group.weights.keys()].map(stem));
    const missing: string[] = needed.filter((name) => !stems.has(name));
    const unsaid = group.framework === 'pytorch' ? { unsaid: STATE_DICT } : {};
    if (missing.length === 0) return [{ ...group, ...unsaid }];
    // Any layer may have a bias.
    if (missing.length === needed.length) others.push(...full);
    return missing.length === needed.length ? [] : [{ ...group, missing: missing[0] }];
  });
  const reason = 'It is not a weight of a recurrent layer.';
  return { layers, skipped: others.map((name) => ({ name: name.slice(0, MAX_NAME_LENGTH), reason })) };
}

function parseName(full: string): { framework: Framework; path: string; own: string } | undefined {
  for (const framework of Object.keys(NAMINGS) as Framework[]) {
    const [, path = TOP, own] = NAMINGS[framework].pattern.exec(full) ?? [];
    if (own !== undefined) return { framework, path, own };
  }
  return undefined;
}
