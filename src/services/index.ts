import type { SnapshotCodec } from '../domain/files.ts';
import type { OwnCells } from './cells/cell-cache.ts';
import { CellReader } from './cells/cells.ts';
import { cellServices, type WeightFiles } from './cells/index.ts';
import { Changer } from './changes/change.ts';

import { checkpointServices } from './checkpoints/index.ts';
import { sweepUnfinished } from './checkpoints/sweep-content.ts';
import { applyOp, type OpRequest } from './compute/apply-op.ts';
import { Sweeper } from './expiry/sweep.ts';
import type { Ports } from './ports.ts';
import { sessionServices } from './sessions/index.ts';
import type { TenantFeed } from './sessions/session-feed.ts';
import { trainingServices } from './training/index.ts';
import { variableServices } from './variables/index.ts';

export interface ServicePorts extends Ports {
  readonly feed: TenantFeed;
  readonly checkpointCodec: SnapshotCodec;
  readonly weightFiles: WeightFiles;
}

/** All use cases of one tenant, bound to their dependencies. The doors call these. `cache` keeps the tenant's cells in memory. */
export function createServices(ports: ServicePorts, cache: OwnCells) {
  const context = { ...ports, cells: new CellReader(ports, cache), changer: new Changer(ports) };
  const sweeper = new Sweeper(ports);
  return {
    cells: cellServices(context, ports.weightFiles),
    variables: variableServices(context),
    sessions: sessionServices(context, ports.feed),
    checkpoints: checkpointServices(context),
    training: trainingServices(context),
    ops: {
      list: () => ports.ops.list,
      apply: (op: string, request: OpRequest) => applyOp(context, op, request),
    },
    /** Removes a slice of the data that nobody needs any more. Returns whether there may be more. */
    sweep: () => sweeper.sweep(),
    /** Removes what a process that died has left unfinished. No other process may have the store. */
    sweepUnfinished: () => sweepUnfinished(ports.store),
    /** Rejects if the store cannot serve. */
    check: () => ports.store.check(),
  };
}

export type Services = ReturnType<typeof createServices>;
