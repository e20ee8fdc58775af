import { type CellDefinition, FRAMEWORKS } from '../domain/cell-definition.ts';
import { type JsonObject, quote } from '../domain/json.ts';
import { fieldProblem } from '../domain/problems.ts';
import { kerasCell } from './keras/definitions.ts';
import { onnxCell } from './onnx/definitions.ts';
import { GRAPH_CLASS, graphCell } from './onnx/graph-definition.ts';
import { pytorchCell } from './pytorch/definitions.ts';

export interface DefineOptions {
  readonly maxUnits: number;
  /** The name of a cell whose config has none, from the class name in snake case: `gru_cell`, `gru_cell_1` … */
  readonly autoName: (base: string) => string;
  /** The shape to build a network with whose config does not tell it. */
  readonly inputShape?: readonly (number | null)[];
}

/** A cell from a framework's class name and config, a layer of a network in each slice. @throws {Problem} invalid-request, invalid-config, limit-exceeded */
export function* defineCell(
  framework: string,
  className: string,
  config: JsonObject,
  options: DefineOptions,
): Generator<void, CellDefinition> {
  if (framework === 'keras') return yield* kerasCell(className, config, options);
  if (framework === 'pytorch') return pytorchCell(className, config, options);
  if (framework === 'onnx' && className === GRAPH_CLASS) return graphCell(config);
  if (framework === 'onnx') return onnxCell(className, config, options);
  throw fieldProblem(
    'invalid-config',
    '/framework',
    `Unknown framework ${quote(framework)}. Send one of ${FRAMEWORKS.join(', ')}.`,
  );
}
