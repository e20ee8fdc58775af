import { Cells, pages } from './cells.ts';
import { fileOf, tensorOf } from './fields.ts';
import { Session, type SessionDescription } from './sessions.ts';
import { Socket } from './socket.ts';
import { Steps } from './steps.ts';
import type { Tensor, TensorLike } from './tensor.ts';
import { type ClientOptions, Transport } from './transport.ts';

export type {
  Cell,
  CellDescription,
  NewCell,
  SentFileType,
  SequenceOptions,
  StepResult,
  WeightFileType,
} from './cells.ts';
export type { Inputs } from './fields.ts';
export { CellstepProblem, CellstepUnreachable, type ProblemDocument } from './problem.ts';
export type { OpenOptions, Session, SessionDescription, SessionStep, StepOptions } from './sessions.ts';
export type { ManyStepsItem, ManyStepsResult } from './steps.ts';
export { type Dtype, type Nested, Tensor, type TensorData, type TensorLike } from './tensor.ts';
export type { Progress, TrainingOptions } from './training.ts';
export type { ClientOptions } from './transport.ts';

/** A cellstep service. Calls are repeated where that is safe: with keys, so that nothing happens twice. */
export class Cellstep {
  readonly cells: Cells;
  readonly steps: Steps;
  private readonly transport: Transport;
  private readonly socket: () => Socket;
  private opened: Socket | undefined;

  constructor(options: ClientOptions) {
    const transport = new Transport(options);
    this.transport = transport;
    this.socket = () => {
      this.opened ??= new Socket(transport);
      return this.opened;
    };
    this.cells = new Cells(transport, this.socket);
    this.steps = new Steps(transport);
  }

  /** The session of this id, without asking whether it is there. */
  session(id: string): Session {
    return new Session(id, this.transport, this.socket);
  }

  /** All sessions, page by page. */
  sessions(
    filter: { readonly cell?: string; readonly prefix?: string } = {},
  ): AsyncGenerator<SessionDescription, void> {
    return pages<SessionDescription>(this.transport, '/v1/sessions', filter);
  }

  /** An operation on tensors: `op('tanh', x)`, `op('add', a, b)`. GET /v1/ops lists them. */
  async op(name: string, ...inputs: readonly TensorLike[]): Promise<Tensor> {
    const path = `/v1/ops/${encodeURIComponent(name)}`;
    const file = fileOf({ inputs }, {}, ['inputs']);
    return tensorOf(await this.transport.file({ method: 'POST', path, file, repeatable: true }), 'output');
  }

  /** Closes the socket of streams, if there is one. */
  close(): void {
    this.opened?.close();
  }
}
