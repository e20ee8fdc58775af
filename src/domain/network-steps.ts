import type { AnyLayer } from './layers.ts';
import { reachBack } from './layers.ts';
import { NETWORK_INPUT, type NetworkNode } from './network.ts';

/** The part of a node that decides its number of output steps: its layer, or nothing for a recurrent node. */
export interface StepsNode extends Pick<NetworkNode, 'inputs' | 'time'> {
  readonly layer?: AnyLayer;
}

/** The output steps of a node for `time` steps of the network's input; 1 if it has no time axis. */
export function outputSteps(nodes: readonly StepsNode[], index: number, time: number): number {
  return index === NETWORK_INPUT ? time : stepsOfNodes(nodes, time)[index];
}

/** The output steps of every node. */
export function stepsOfNodes(nodes: readonly StepsNode[], time: number): readonly number[] {
  const steps: number[] = [];
  for (const node of nodes) {
    const given = node.inputs.map((k) => (k === NETWORK_INPUT ? time : steps[k]));
    steps.push(node.time ? stepsAfter(node, given) : 1);
  }
  return steps;
}

function stepsAfter({ layer }: StepsNode, given: readonly number[]): number {
  return layer ? layerSteps(layer, given) : given[0];
}

/** The steps that a layer works on. An input that is equal at every step counts for nothing. */
export function workedSteps(layer: AnyLayer, given: readonly number[]): number {
  const own = layer.kind === 'merge' ? given.filter((_, k) => !layer.params.inputs[k].repeated) : given;
  return Math.max(...own);
}

/** The output steps of a layer with a time axis, given the steps of its inputs. */
export function layerSteps(layer: AnyLayer, given: readonly number[]): number {
  const time = workedSteps(layer, given);
  if (layer.window) {
    const { padding, stride } = layer.window;
    return slides({ size: reachBack(layer.window) + 1, stride, padding }, time);
  }
  if (layer.reach === 'step') return time;
  switch (layer.kind) {
    case 'concatenate':
      return given.reduce((sum, steps) => sum + steps, 0);
    case 'repeat_vector':
      return layer.params.times;
    case 'up_sampling1d':
      return layer.params.times * time;
    case 'zero_padding1d':
      return layer.params.before + time + layer.params.after;
    case 'cropping1d':
      return Math.max(0, time - layer.params.before - layer.params.after);
    case 'max_pooling1d':
    case 'average_pooling1d':
      return slides(layer.params, time);
    case 'reshape':
    case 'permute':
      return (time * layer.inputWidths[0]) / layer.outputWidth;
    default:
      return time;
  }
}

/** How often something over `size` steps, moved on by `stride`, has a place: within the steps, or one at each of them. */
export function slides(
  over: { readonly size: number; readonly stride: number; readonly padding: 'valid' | 'same' | 'causal' },
  time: number,
): number {
  const { size, stride, padding } = over;
  return padding === 'valid' ? Math.max(0, Math.floor((time - size) / stride) + 1) : Math.ceil(time / stride);
}
