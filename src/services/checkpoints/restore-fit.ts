import type { VariableSpec } from '../../domain/cell-definition.ts';
import { Problem } from '../../domain/problems.ts';
import { formatShape, sameShape } from '../../domain/tensor.ts';
import { listed } from '../../domain/words.ts';

type VariableFit = Pick<VariableSpec, 'name' | 'shape' | 'dtype'>;
type SavedShapes = Readonly<Record<string, Pick<VariableFit, 'shape' | 'dtype'>>>;

/** @throws {Problem} checkpoint-mismatch if the saved tensors and the thing differ in names, dtypes or shapes */
export function requireFit(what: string, specs: readonly VariableFit[], saved: SavedShapes): void {
  const [has, names] = [listed(specs.map(({ name }) => name)), Object.keys(saved)];
  if (names.length !== specs.length || specs.some(({ name }) => !Object.hasOwn(saved, name))) {
    throw new Problem(
      'checkpoint-mismatch',
      `${what} has ${has || 'nothing'}; the checkpoint has ${listed(names) || 'nothing'}.`,
    );
  }
  for (const { name, shape, dtype } of specs) {
    const tensor = saved[name];
    if (sameShape(tensor.shape, shape) && tensor.dtype === dtype) continue;
    const [own, given] = [`${dtype} ${formatShape(shape)}`, `${tensor.dtype} ${formatShape(tensor.shape)}`];
    throw new Problem('checkpoint-mismatch', `${what}: '${name}' is ${own}; the checkpoint has ${given}.`);
  }
}
