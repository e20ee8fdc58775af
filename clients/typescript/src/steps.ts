import { fieldOf, fileOf, listOf } from './fields.ts';
import { CellstepProblem, type ProblemDocument } from './problem.ts';
import { Tensor, type TensorLike } from './tensor.ts';
import type { Transport } from './transport.ts';

export interface ManyStepsItem {
  readonly session: string;
  /** [features], the row of this session. */
  readonly inputs: TensorLike;
  readonly key?: string;
}

/** What became of one item: its step, or the problem that refused it. */
export type ManyStepsResult =
  | { readonly session: string; readonly output: Tensor; readonly step: number; readonly states: readonly Tensor[] }
  | { readonly session: string; readonly problem: CellstepProblem };

interface Answer {
  readonly session: string;
  readonly status: number;
  readonly step: number;
  readonly problem?: ProblemDocument;
}

/** `/v1/steps`: one step of each of many sessions in one call. */
export class Steps {
  private readonly transport: Transport;

  constructor(transport: Transport) {
    this.transport = transport;
  }

  /** Items stand alone: each happens once, or not at all. Results are in the order of the items. */
  async many(
    items: readonly ManyStepsItem[],
    options: { readonly returnStates?: boolean; readonly signal?: AbortSignal } = {},
  ): Promise<ManyStepsResult[]> {
    if (items.length === 0) return [];
    const inputs = joinRows(items.map((item) => Tensor.from(item.inputs)));
    const keys = items.map(({ key = crypto.randomUUID() }) => key);
    const sessions = items.map(({ session }) => session);
    const file = fileOf({ inputs }, { sessions, keys, return_states: options.returnStates });
    // Each item has its own key, so the call can be sent again without one.
    const path = '/v1/steps';
    const reply = await this.transport.file({ method: 'POST', path, file, signal: options.signal, repeatable: true });
    const outputs = reply.tensors.get('output');
    const states = listOf(reply, 'states');
    return fieldOf<Answer[]>(reply, 'results').map(({ session, step, problem }, row) => {
      if (problem) return { session, problem: new CellstepProblem(problem) };
      const output = outputs ? rowOf(outputs, row) : (reply.tensors.get(`output.${row}`) as Tensor);
      return { session, step, output, states: states.map((state) => rowOf(state, row)) };
    });
  }
}

/** Rows of one width and type, one above another. @throws {RangeError} where they differ */
function joinRows(rows: readonly Tensor[]): Tensor {
  const [{ data: first, dtype }] = rows;
  const joined = first.slice(0, 0).constructor as new (length: number) => Tensor['data'];
  const data = new joined(rows.length * first.length);
  for (const [i, row] of rows.entries()) {
    if (row.data.length !== first.length || row.dtype !== dtype) {
      throw new RangeError(
        `Item ${i} has ${row.data.length} inputs of ${row.dtype}; item 0 has ${first.length} of ${dtype}.`,
      );
    }
    data.set(row.data as never, i * first.length);
  }
  return new Tensor(data, [rows.length, first.length], dtype);
}

function rowOf({ data, shape: [, ...rest], dtype }: Tensor, row: number): Tensor {
  const width = rest.reduce((product, extent) => product * extent, 1);
  return new Tensor(data.slice(row * width, (row + 1) * width), rest, dtype);
}
