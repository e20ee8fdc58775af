import type { Contender } from '../measure.ts';
import { PythonPeer } from '../peers.ts';
import type { Work } from '../random-cells.ts';

/** PyTorch on one thread, in a process of its own. @throws {MissingPeer} */
export class PyTorch {
  private readonly peer = new PythonPeer('torch_cells.py');

  versions(): Promise<string[]> {
    return this.peer.ask({ versions: true });
  }

  contender({ cell: { kind, features, units }, batch, time }: Work): Contender {
    return {
      name: 'PyTorch',
      measure: (ms) => this.peer.ask<number>({ kind, features, units, batch, time, ms }),
    };
  }

  close(): void {
    this.peer.close();
  }
}
