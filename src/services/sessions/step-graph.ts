import { fieldProblem } from '../../domain/problems.ts';
import { counted } from '../../domain/words.ts';
import type { Cell } from '../cells/cell-record.ts';
import {
  type GraphCall,
  type GraphCallKind,
  type GraphContext,
  type GraphRun,
  runGraph,
} from '../compute/run-graph.ts';
import { type Stepped, steppedByGraph } from '../compute/step-cell.ts';
import type { Context } from '../context.ts';
import { requireHistoryRoom } from './session-history.ts';
import type { Session } from './session-record.ts';
import type { NextState } from './sessions.ts';

/** What came of a step of a session. */
export interface GraphStep {
  readonly next: NextState;
  readonly stepped: Stepped;
}

/**
 * The next run of a session's graph, or as many as the inputs have steps. A history keeps the first output of each.
 * @throws {Problem} as runGraph, limit-exceeded where the outputs are larger than a history may be
 */
export async function takeGraphStep(
  context: GraphContext,
  session: Session,
  cell: Cell,
  request: GraphCall,
): Promise<GraphStep> {
  const everyState = session.record.history !== undefined;
  const run = await runGraph(context, cell, request, { everyState, states: statesFor(session) });
  return graphStep(context, session, cell, run);
}

/** A session of one row takes the inputs as the graph does, whatever their axes mean there. @throws {Problem} wrong-shape */
export function statesFor({ record: { id, batch_size }, states }: Session): GraphCallKind['states'] {
  return (rows = batch_size) => {
    if (batch_size === 1 || rows === batch_size) return states;
    const detail = `The inputs have ${counted(rows, 'row')}; session '${id}' has batch size ${batch_size}. Send as many rows.`;
    throw fieldProblem('wrong-shape', '/inputs', detail);
  };
}

/** The step of a session by a run. @throws {Problem} limit-exceeded where the outputs are larger than a history may be */
export function graphStep(
  { limits }: Pick<Context, 'limits'>,
  { record, states }: Session,
  cell: Cell,
  run: GraphRun,
): GraphStep {
  const { history } = record;
  const cell_version = cell.record.version;
  for (const output of run.first) {
    requireHistoryRoom(history?.limit ?? 0, states, output.data.byteLength, limits);
  }
  const keeps = history ? run.first : [];
  const kept = keeps.map((output, k) => ({ step: record.step + k + 1, cell_version, states: run.states[k], output }));
  const stepped = steppedByGraph(run);
  const fields = { step: record.step + (run.time ?? 1), cell_version };
  return { next: { states: stepped.states, fields, kept }, stepped };
}
