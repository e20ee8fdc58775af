import type { Services } from '../../../src/services/index.ts';
import type { Random } from '../random.ts';
import { createReferenceServices } from '../reference-services.ts';
import type { Scheduler } from './scheduler.ts';
import { type SimulatedData, StoreConnection, type StoreFaults } from './simulated-store.ts';

const EPOCH = Date.UTC(2030, 0, 1);
const MAX_RESTART = 80;

/** What replicas share beside the data: time, chance, and the count of the ids that were made. */
export interface SimulatedWorld {
  readonly scheduler: Scheduler;
  readonly random: Random;
  readonly data: SimulatedData;
  readonly faults: () => StoreFaults;
  ids: number;
}

/** The real use cases in a process that may die at any call of its store, and comes back with nothing in its memory. */
export class SimulatedReplica {
  deaths = 0;
  private readonly world: SimulatedWorld;
  private connection: StoreConnection | undefined;
  private running: Services | undefined;

  constructor(world: SimulatedWorld) {
    this.world = world;
    this.start();
  }

  /** undefined while it is dead. */
  get services(): Services | undefined {
    return this.running;
  }

  kill(): void {
    if (!this.running) return;
    this.deaths += 1;
    this.connection?.cut();
    this.running = undefined;
    const { scheduler, random } = this.world;
    scheduler.after(random.next() * MAX_RESTART, 'a replica starts', () => this.start());
  }

  private start(): void {
    const { world } = this;
    const { scheduler, random, data, faults } = world;
    this.connection = new StoreConnection(data, scheduler, random, faults, () => this.kill());
    this.running = createReferenceServices({
      store: this.connection,
      clock: () => EPOCH + Math.floor(scheduler.now),
      newId: (prefix) => `${prefix}_${String(world.ids++).padStart(8, '0')}`,
      backoff: (tries) => scheduler.sleep(random.next() * Math.min(50, 2 ** tries), 'backoff'),
    });
  }
}
