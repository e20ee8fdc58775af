import { batch, signal } from '@preact/signals';
import type { Api } from '../api/client.ts';
import { ApiProblem } from '../api/problem.ts';
import type { Cell, StepReply, Tensor, WeightsReply } from '../api/types.ts';
import { type Layer, layersOf } from '../model/layers.ts';
import { type Moment, momentOf, momentsOf } from '../model/moment.ts';
import { matrix } from '../numbers/numbers.ts';

export type Weights = Readonly<Record<string, Tensor>>;

/**
 * A cell that the page made. It goes when the page goes, and is made again, with the weights that it had, where the service
 * has lost it: after a restart over `memory:`, or when somebody deleted it.
 */
export class OwnCell {
  readonly cell = signal<Cell | undefined>(undefined);
  readonly weights = signal<Weights>({});
  readonly layers = signal<readonly Layer[]>([]);
  private readonly api: Api;
  private readonly prefix: string;
  private body: Record<string, unknown> = {};
  /** Each is here before its cell is made: a page that goes away meanwhile deletes that one too. */
  private readonly ids = new Set<string>();

  constructor(api: Api, prefix: string) {
    this.api = api;
    this.prefix = prefix;
  }

  /** Makes the cell anew; without weights the service draws them. `then` happens at the same moment, as others see it. */
  async make(body: Record<string, unknown>, weights?: Weights, then: () => void = () => undefined): Promise<void> {
    const made = await this.create(body, weights);
    const drawn = await this.read(made.id);
    this.deleteAllBut(made.id);
    this.body = body;
    batch(() => {
      this.take(made, drawn);
      then();
    });
  }

  /** Takes over a cell that was made before a reload; where it is gone, it is made again with its weights. */
  async adopt(id: string | undefined, body: Record<string, unknown>, weights: Weights): Promise<void> {
    this.body = body;
    const found = id && (await this.api.get<Cell>(`v1/cells/${id}`).catch(ignoreMissing));
    if (!found) return this.make(body, weights);
    this.ids.add(found.id);
    this.take(found, await this.read(found.id));
  }

  async putWeights(weights: Weights): Promise<void> {
    await this.again((id) => this.api.put(`v1/cells/${id}/weights`, { weights }));
    this.weights.value = weights;
  }

  async readWeights(): Promise<void> {
    this.weights.value = await this.again((id) => this.read(id));
  }

  async step(x: readonly number[], states: readonly (readonly number[])[]): Promise<Moment> {
    const body = { inputs: [x], states: states.map((state) => [named(state)]), trace: true };
    return momentOf(x, states, await this.again((id) => this.api.post<StepReply>(`v1/cells/${id}/steps`, body)));
  }

  /** Many steps in one call. */
  async steps(xs: readonly (readonly number[])[], states: readonly (readonly number[])[]): Promise<Moment[]> {
    const body = { inputs: [xs], initial_state: states.map((state) => [named(state)]), trace: true };
    const reply = await this.again((id) => this.api.post<StepReply>(`v1/cells/${id}/sequences`, body));
    return momentsOf(xs, states, this.layers.value, reply);
  }

  /** The outputs of whole sequences, from zero states: [batch][time][unit]. */
  async outputs(inputs: readonly (readonly (readonly number[])[])[]): Promise<number[][][]> {
    const reply = await this.again((id) => this.api.post<{ output: Tensor[] }>(`v1/cells/${id}/sequences`, { inputs }));
    return reply.output.map(matrix);
  }

  /** Gradient of the sum of the last output with respect to each input, oldest first. */
  async inputGradients(
    xs: readonly (readonly number[])[],
    states: readonly (readonly number[])[],
    units: number,
  ): Promise<Tensor> {
    const body = {
      inputs: [xs],
      initial_state: states.map((state) => [named(state)]),
      return_sequences: false,
      cotangent: [Array.from({ length: units }, () => 1)],
    };
    const reply = await this.again((id) =>
      this.api.post<{ gradients: Record<string, Tensor> }>(`v1/cells/${id}/gradients`, body),
    );
    return reply.gradients.inputs;
  }

  /** Runs a call on the cell; where it is gone, on one made again. */
  async again<T>(call: (id: string) => Promise<T>): Promise<T> {
    const { value } = this.cell;
    if (!value) throw new Error('There is no cell yet.');
    try {
      return await call(value.id);
    } catch (error) {
      if (!(error instanceof ApiProblem) || error.status !== 404 || (await this.exists())) throw error;
      this.ids.delete(value.id);
      this.take(await this.create(this.body, this.weights.value), this.weights.value);
      return call(this.cell.value!.id);
    }
  }

  private async exists(): Promise<boolean> {
    return (await this.api.get(`v1/cells/${this.cell.value?.id}`).catch(ignoreMissing)) !== undefined;
  }

  /** Makes another cell with the same weights, which stays; gives its id: the name, with a number where it is taken. */
  async copy(name: string): Promise<string> {
    for (let number = 1; ; number++) {
      const id = number === 1 ? name : `${name}-${number}`;
      try {
        await this.api.post('v1/cells', { id, ...this.body, weights: this.weights.value });
        return id;
      } catch (error) {
        if (!(error instanceof ApiProblem) || error.status !== 409) throw error;
      }
    }
  }

  forget(): void {
    this.deleteAllBut(undefined);
    this.cell.value = undefined;
  }

  private deleteAllBut(kept: string | undefined): void {
    for (const id of this.ids) {
      if (id === kept) continue;
      this.ids.delete(id);
      this.api.forget(`v1/cells/${id}?force=true`);
    }
  }

  private async create(body: Record<string, unknown>, weights: Weights | undefined): Promise<Cell> {
    const id = `${this.prefix}-${crypto.getRandomValues(new Uint32Array(2)).join('-')}`;
    this.ids.add(id);
    try {
      return await this.api.post<Cell>('v1/cells', { id, ...body, ...(weights ? { weights } : {}) });
    } catch (error) {
      if (error instanceof ApiProblem && error.status > 0) this.ids.delete(id);
      throw error;
    }
  }

  private async read(id: string): Promise<Weights> {
    return (await this.api.get<WeightsReply>(`v1/cells/${id}/weights`)).weights;
  }

  private take(cell: Cell, weights: Weights): void {
    batch(() => {
      this.layers.value = layersOf(cell);
      this.weights.value = weights;
      this.cell.value = cell;
    });
  }
}

function ignoreMissing(error: unknown): undefined {
  if (error instanceof ApiProblem && error.status === 404) return undefined;
  throw error;
}

function named(state: readonly number[]): (number | string)[] {
  return state.map((value) => (Number.isFinite(value) ? value : String(value)));
}

/** Zeros of the shape of a cell's states, for one row. */
export function zeroStates(cell: Pick<Cell, 'state_shapes'>): number[][] {
  return cell.state_shapes.map((shape) => Array.from({ length: shape.at(-1) ?? 0 }, () => 0));
}
