import { gateFunction } from '../../cells/cell-row.ts';
import { gateGradient } from '../../cells/gate-gradient.ts';
import type { LayerPass, LayerSums } from '../../cells/layers/layer-formula.ts';
import { layerForward } from '../../cells/layers/layer-formulas.ts';
import { layerPull } from '../../cells/layers/layer-gradients.ts';
import { layerTraining } from '../../cells/layers/layer-training.ts';
import type { AnyLayer } from '../../domain/layers.ts';
import type { NetworkNode } from '../../domain/network.ts';
import { layerSteps, workedSteps } from '../../domain/network-steps.ts';
import { masksOf, type Units, unitAt, unitOf } from '../networks/layer.ts';
import { gatherWindows, scatterWindows } from '../networks/windows.ts';
import { type DifferentiableNode, inFloat64, type NodeCall, type NodePass } from './node.ts';

/** What a layer works on: `count` units of `time` steps, and what the gradients of its inputs are for. */
interface Work extends Units {
  readonly inputs: readonly Float64Array[];
}

interface WorkDone {
  readonly values: Float64Array;
  pull(gradient: Float64Array, sums: LayerSums): Generator<void, Float64Array[]>;
}

type Evaluate = (work: Work) => Generator<void, WorkDone>;

/** A layer that is not a cell, with its `index` among such layers of the network: forwards as in network-node.ts, and back. */
export function differentiableLayer(node: NetworkNode, layer: AnyLayer, index: number): DifferentiableNode {
  const evaluate = units(layer);
  const train = layerTraining(layer);
  return {
    *forward(call): Generator<void, NodePass> {
      if (layer.window) return yield* windowed(layer, evaluate, call, index);
      const { batch, inputs, training } = call;
      const given = inputs.map(({ values }) => inFloat64(values));
      const steps = inputs.map((input) => input.time);
      const time = workedSteps(layer, steps);
      if (training && train) {
        const [{ mask }] = inputs;
        const pass = train({ input: given[0], batch, time, ...(mask ? { mask } : {}), seed: training.seed });
        return {
          values: pass.output,
          time,
          statistics: pass.statistics,
          pull: (gradient, sums) => ({ inputs: [pass.pull(inFloat64(gradient), sums.layers[index])], states: [] }),
        };
      }
      const whole = layer.reach === 'sequence';
      const masks = masksOf(node, layer, inputs);
      const work = whole
        ? { inputs: given, count: batch, time, mask: inputs[0].mask, ...masks }
        : { inputs: given, count: batch * time, time: 1, ...masks };
      const done = yield* evaluate(work);
      const after = node.time ? layerSteps(layer, steps) : whole ? 1 : time;
      return {
        values: done.values,
        time: after,
        *pull(gradient, sums) {
          return { inputs: yield* done.pull(inFloat64(gradient), sums.layers[index]), states: [] };
        },
      };
    },
  };
}

/** A layer over windows of steps, whose earlier steps may be a state. */
function* windowed(layer: AnyLayer, evaluate: Evaluate, call: NodeCall, index: number): Generator<void, NodePass> {
  const {
    batch,
    inputs: [input],
    states: [history],
  } = call;
  const window = layer.window!;
  const [width] = layer.inputWidths;
  const steps = { values: inFloat64(input.values), batch, time: input.time, width };
  const { windows, count } = gatherWindows(window, 'float64', steps, history);
  const done = yield* evaluate({ inputs: [windows as Float64Array], count: batch * count, time: 1 });
  return {
    values: done.values,
    time: count,
    *pull(gradient, sums) {
      const [values] = yield* done.pull(inFloat64(gradient), sums.layers[index]);
      const back = scatterWindows(window, { ...steps, values }, history);
      return { inputs: [back.steps], states: back.history ? [back.history] : [] };
    },
  };
}

/** Unit by unit through the formula and the activation, and back. */
function units(layer: AnyLayer): Evaluate {
  const forward = layerForward(layer);
  const pull = layerPull(layer);
  const { activation, rowWidth } = layer;
  const gate = activation && gateFunction(activation);
  const back = activation && gateGradient(activation);
  return function* (work) {
    const { inputs, count } = work;
    const passes: LayerPass[] = [];
    const afters: Float64Array[] = [];
    for (let n = 0; n < count; n++) {
      const unit = unitAt(work, n);
      const rows = inputs.map((input) => unitOf(input, n, count) as Float64Array);
      const output = forward(rows, unit);
      passes.push({ inputs: rows, output, unit });
      const after = gate ? new Float64Array(output.length) : output;
      for (let from = 0; gate && from < output.length; from += rowWidth) {
        gate(output.subarray(from, from + rowWidth), after.subarray(from, from + rowWidth));
      }
      afters.push(after);
      yield;
    }
    return {
      values: joined(afters),
      *pull(gradient, sums) {
        const gradients = inputs.map(({ length }) => new Float64Array(length));
        for (const [n, pass] of passes.entries()) {
          const own = unitOf(gradient, n, count) as Float64Array;
          const through = back ? activationGradient(back, pass.output, afters[n], own, rowWidth) : own;
          for (const [k, part] of pull(pass, through, sums).entries()) gradients[k].set(part, n * part.length);
          yield;
        }
        return gradients;
      },
    };
  };
}

function activationGradient(
  back: ReturnType<typeof gateGradient>,
  before: Float64Array,
  after: Float64Array,
  gradient: Float64Array,
  width: number,
): Float64Array {
  const through = new Float64Array(gradient.length);
  for (let from = 0; from < gradient.length; from += width) {
    const row = (values: Float64Array) => values.subarray(from, from + width);
    through.set(back({ before: row(before), after: row(after) }, row(gradient)), from);
  }
  return through;
}

function joined(parts: readonly Float64Array[]): Float64Array {
  const width = parts[0]?.length ?? 0;
  const all = new Float64Array(parts.length * width);
  for (const [n, part] of parts.entries()) all.set(part, n * width);
  return all;
}
