import { Problem } from '../../domain/problems.ts';
import { type SavedCell, tensorName } from '../../domain/snapshot.ts';
import { optionsOfGraph, sameGraph } from '../../frameworks/onnx/graph-config.ts';
import { storeCell } from '../cells/create-cell.ts';
import { makeGraphCell, readGraph } from '../cells/create-graph.ts';
import { fileOf } from './graph-words.ts';
import { type Plan, type Restoring, requireCreating, savedShape } from './restore-plan.ts';

/**
 * A graph that is there already must be the same one, and stays; one that is not is made of the saved file, as by a request.
 * @throws {Problem} checkpoint-mismatch, invalid-file, engine-not-installed
 */
export async function planGraph(restoring: Restoring, { id, config }: SavedCell, bytes: number): Promise<Plan> {
  const { context } = restoring;
  const current = await context.cells.find(id);
  if (current) {
    if (!sameGraph(current.record.config, config)) {
      const detail = `Cell '${id}' is not the graph of the checkpoint, or has other states or constants.`;
      throw new Problem('checkpoint-mismatch', detail);
    }
    return { creates: false, decide: async () => ({ writes: [], result: (await context.cells.read(id)).record }) };
  }
  requireCreating(restoring, 'cell', id);
  const { name } = savedShape(restoring, tensorName.graph(id));
  const make = async () => {
    const file = fileOf(await restoring.snapshot.read(name), bytes);
    const read = file && (await readGraph(context, file, optionsOfGraph(config)));
    if (read && sameGraph(read.definition.config, config)) return makeGraphCell(context, id, read);
    throw new Problem('checkpoint-mismatch', `The config of cell '${id}' in the checkpoint does not match its graph.`);
  };
  await make();
  return { creates: true, decide: async () => storeCell(context, await make()) };
}
