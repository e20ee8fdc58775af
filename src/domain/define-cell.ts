import type { CellDefinition } from './cell-definition.ts';
import type { JsonObject } from './json.ts';
import { quote } from './json.ts';
import { kerasCell } from './keras/definitions.ts';
import { onnxCell } from './onnx/definitions.ts';
import { fieldProblem } from './problems.ts';
import { pytorchCell } from './pytorch/definitions.ts';

export const FRAMEWORKS = ['keras', 'pytorch', 'onnx'] as const;
export type Framework = (typeof FRAMEWORKS)[number];

export interface DefineOptions {
  readonly maxUnits: number;
  /** The name of a cell whose config has none, from the class name in snake case: `gru_cell`, `gru_cell_1` … */
  readonly autoName: (base: string) => string;
}

/** A cell from a framework's class name and config. @throws {Problem} invalid-request, invalid-config, limit-exceeded */
export function defineCell(
  framework: string,
  className: string,
  config: JsonObject,
  options: DefineOptions,
): CellDefinition {
  if (framework === 'keras') return kerasCell(className, config, options);
  if (framework === 'pytorch') return pytorchCell(className, config, options);
  if (framework === 'onnx') return onnxCell(className, config, options);
  throw fieldProblem(
    'invalid-config',
    '/framework',
    `${quote(framework)} is no framework; send one of ${FRAMEWORKS.join(', ')}.`,
  );
}
