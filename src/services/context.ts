import type { CellReader } from './cells/cells.ts';
import type { Changer } from './changes/change.ts';
import type { Ports } from './ports.ts';

/** The dependencies of the use cases. Each takes a Pick of it. */
export interface Context extends Ports {
  readonly cells: CellReader;
  readonly changer: Changer;
}
