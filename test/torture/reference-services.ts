import { parseManifest } from '../../schemas/checkpoint-manifest.ts';
import { readConfig } from '../../src/config.ts';
import { OWN_WORK } from '../../src/domain/caller.ts';
import type { Backoff, Clock, NewId, Store } from '../../src/domain/ports.ts';
import { referenceEngine } from '../../src/engine/reference.ts';
import { createStepper } from '../../src/engine/stepper.ts';
import { createDraws } from '../../src/engine/threads/draw.ts';
import { createCheckpointCodec } from '../../src/files/checkpoint-codec.ts';
import { createOnnx } from '../../src/files/onnx/onnx.ts';
import { createOps } from '../../src/ops/op-threads.ts';
import { OPS } from '../../src/ops/ops.ts';
import { CellCache } from '../../src/services/cells/cell-cache.ts';
import { createServices, type Services } from '../../src/services/index.ts';
import { SessionFeed } from '../../src/services/sessions/session-feed.ts';

/** What differs between two services that are otherwise the same. */
export interface World {
  readonly store: Store;
  readonly clock: Clock;
  readonly newId: NewId;
  readonly backoff: Backoff;
}

/** The real use cases on the reference engine, without HTTP. */
export function createReferenceServices({ store, clock, newId, backoff }: World): Services {
  return createServices(
    {
      store,
      stepper: createStepper({ engines: { fast: referenceEngine, exact: referenceEngine } }),
      ...createDraws(),
      caller: () => OWN_WORK,
      apart: (work) => work(),
      inTurn: (work) => work(),
      ops: { list: [...OPS.values()].map(({ apply: _, ...op }) => op), ...createOps() },
      graphFiles: createOnnx({ maxCheckpointBytes: 0 }),
      clock,
      newId,
      newSeed: () => 1,
      backoff,
      limits: readConfig({}).limits,
      spendWork: () => undefined,
      addWork: () => undefined,
      checkpointCodec: createCheckpointCodec(parseManifest),
      weightFiles: [],
      feed: new SessionFeed(store).of(''),
    },
    new CellCache().of(''),
  );
}
