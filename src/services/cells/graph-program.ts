import type { GraphConstant, GraphProgram } from '../../domain/graph.ts';
import type { Tensor } from '../../domain/tensor.ts';
import { literalToTensor } from '../../domain/tensor-literal.ts';
import { literalOf } from '../../frameworks/onnx/graph-config.ts';
import type { Ports } from '../ports.ts';
import type { Cell } from './cell-record.ts';

/** What the runtime runs for a cell that is a whole graph. */
export function graphProgram(
  { graphFiles }: Pick<Ports, 'graphFiles'>,
  { definition, graph: file }: Pick<Cell, 'definition' | 'graph'>,
): GraphProgram {
  const { graph, config } = definition;
  if (!graph || !file) throw new Error('the cell is not a graph');
  const opened = graph.states.flatMap(({ name, found }) => (found === 'opened' ? [name] : []));
  return {
    id: [config.sha256, ...opened].join(' '),
    model: () => graphFiles.open(file, opened),
    inputs: graph.inputs.map(({ name }) => name),
    constants: graph.constants.map((constant) => [constant.name, tensorOf(constant)]),
    states: graph.states,
    outputs: graph.outputs.map(({ name }) => name),
  };
}

function tensorOf(constant: GraphConstant): Tensor {
  return literalToTensor(literalOf(constant), constant.dtype, `?constants/${constant.name}`);
}
