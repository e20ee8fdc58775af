import { Problem } from '../../domain/problems.ts';
import type { Tensor } from '../../domain/tensor.ts';

/** The same limit as for a config. */
const MAX_CELLS = 64;
const CLASS_GROUP = /^((?:(?:forward|backward)_layer\.)?cells\.)((simple_rnn|gru|lstm)_cell(?:_(\d+))?)\.(.+)$/;

interface SizedCell {
  readonly group: string;
  readonly index: number;
  readonly features: number | undefined;
  readonly units: number | undefined;
}

/**
 * The weights of a stack that a Keras 3 weights file names by class and count (`cells.lstm_cell_1.kernel`) by their place
 * (`cells.2.kernel`): the only order in which the features of each cell are the outputs of the cell below. Other names stay.
 * @throws {Problem} invalid-file if no order, or more than one, is possible; limit-exceeded over 64 cells
 */
export function orderStacks(weights: ReadonlyMap<string, Tensor>): ReadonlyMap<string, Tensor> {
  const places = new Map<string, string>();
  for (const [prefix, cells] of stacksByClass(weights)) {
    const found = orders(
      cells,
      cells.map(() => 0),
      undefined,
      new Set(),
    );
    if (found.length !== 1) {
      const groups = cells
        .flat()
        .map(({ group }) => group)
        .join(', ');
      const reason = found.length === 0 ? 'no order of them fits' : 'the sizes of more than one order fit';
      const detail = `The file does not give the order of the cells ${groups}: ${reason}. Send a file with its configuration (.keras, .h5), or put these weights into an existing cell.`;
      throw new Problem('invalid-file', detail);
    }
    found[0].forEach((group, i) => {
      places.set(`${prefix}${group}.`, `${prefix}${i}.`);
    });
  }
  if (places.size === 0) return weights;
  const renamed = [...weights].map(([name, tensor]): [string, Tensor] => {
    const [, prefix = '', group = '', , , rest = ''] = CLASS_GROUP.exec(name) ?? [];
    const place = places.get(`${prefix}${group}.`);
    return [place === undefined ? name : `${place}${rest}`, tensor];
  });
  return new Map(renamed);
}

/** The cells of each stack, by its prefix and their class. Cells of one class are in order. */
function stacksByClass(weights: ReadonlyMap<string, Tensor>): Map<string, SizedCell[][]> {
  const stacks = new Map<string, Map<string, SizedCell>>();
  for (const name of weights.keys()) {
    const [, prefix, group, , count = '0'] = CLASS_GROUP.exec(name) ?? [];
    if (prefix === undefined) continue;
    const extent = (variable: string) => weights.get(`${prefix}${group}.${variable}`)?.shape[0];
    const cell = { group, index: Number(count), features: extent('kernel'), units: extent('recurrent_kernel') };
    stacks.set(prefix, (stacks.get(prefix) ?? new Map()).set(group, cell));
    if ((stacks.get(prefix)?.size ?? 0) > MAX_CELLS) {
      throw new Problem('limit-exceeded', `A cell of the file is made of more than ${MAX_CELLS} cells.`);
    }
  }
  const ordered = [...stacks].map(([prefix, cells]): [string, SizedCell[][]] => {
    const classes = Map.groupBy(cells.values(), ({ group }) => group.replace(/_\d+$/, ''));
    return [prefix, [...classes.values()].map((own) => own.toSorted((a, b) => a.index - b.index))];
  });
  return new Map(ordered);
}

/** At most two of the orders that merge the classes. `at` is how far each class is used up; `dead` ends are kept. */
function orders(
  classes: readonly (readonly SizedCell[])[],
  at: readonly number[],
  width: number | undefined,
  dead: Set<string>,
): string[][] {
  if (classes.every((cells, i) => at[i] === cells.length)) return [[]];
  const state = `${at}:${width}`;
  const found: string[][] = [];
  for (const [i, cells] of dead.has(state) ? [] : classes.entries()) {
    const cell = cells.at(at[i]);
    if (at[i] === cells.length || !cell || (width !== undefined && cell.features !== width)) continue;
    for (const rest of orders(classes, at.with(i, at[i] + 1), cell.units, dead)) found.push([cell.group, ...rest]);
    if (found.length > 1) return found.slice(0, 2);
  }
  if (found.length === 0) dead.add(state);
  return found;
}
