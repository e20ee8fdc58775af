import { nextTurn } from '../../threads/in-turns.ts';
import type { SharedMemory } from './shared-memory.ts';

/** Writes weights at an address, in slices. */
export type WriteSlices = (address: number) => Iterator<void, void>;

/** Where one cell's weights are in memory, if they are. */
export interface Resident {
  address: number | undefined;
  bytes: number;
  /** Used since the pool looked for what to give up. */
  used: boolean;
  /** Other threads may read it: it stays where it is. */
  shared: boolean;
  /** What is left of the writing; it stays where it is until that is done. */
  writing?: Iterator<void, void>;
}

/**
 * Packed weights, up to a limit of bytes: what has not been used for longest gives way, but for what other threads read, and
 * is packed anew when it is needed again. A single cell that is larger than the limit is kept until the next one comes.
 */
export class WeightPool {
  /** In the order in which they came, or were spared. */
  private readonly residents = new Set<Resident>();
  private readonly memory: SharedMemory;
  private readonly maxBytes: number;
  private total = 0;

  constructor(memory: SharedMemory, maxBytes: number) {
    this.memory = memory;
    this.maxBytes = maxBytes;
  }

  /** Bytes that are taken now. */
  get bytes(): number {
    return this.total;
  }

  newResident(): Resident {
    return { address: undefined, bytes: 0, used: false, shared: false };
  }

  /** The address of a resident's weights, which `write` puts there where they are not. @throws {RangeError} if it is full. */
  use(resident: Resident, bytes: number, write: WriteSlices): number {
    const address = this.place(resident, bytes, write);
    while (resident.writing) this.writeSlice(resident);
    return address;
  }

  /** Lets `write` put the weights there slice by slice, one in each turn of the event loop. @throws {RangeError} if it is full. */
  async fill(resident: Resident, bytes: number, write: WriteSlices): Promise<void> {
    this.place(resident, bytes, write);
    while (resident.writing) {
      this.writeSlice(resident);
      await nextTurn();
    }
  }

  private place(resident: Resident, bytes: number, write: WriteSlices): number {
    resident.used = true;
    if (resident.address !== undefined) return resident.address;
    this.makeRoom(this.maxBytes - bytes);
    const address = this.allocate(bytes);
    resident.address = address;
    resident.bytes = bytes;
    resident.writing = write(address);
    this.residents.add(resident);
    this.total += bytes;
    return address;
  }

  private writeSlice(resident: Resident): void {
    try {
      if (resident.writing?.next().done) resident.writing = undefined;
    } catch (error) {
      resident.writing = undefined;
      this.drop(resident);
      throw error;
    }
  }

  /** Frees a resident's weights, but not those that other threads may read. */
  drop(resident: Resident): void {
    resident.used = false;
    if (resident.address === undefined || resident.shared) return;
    this.memory.release(resident.address, resident.bytes);
    this.total -= resident.bytes;
    resident.address = undefined;
    this.residents.delete(resident);
  }

  private allocate(bytes: number): number {
    try {
      return this.memory.allocate(bytes);
    } catch {
      // The memory can't grow: what is free may do when nothing else is kept.
      this.makeRoom(0);
      return this.memory.allocate(bytes);
    }
  }

  /** Gives up residents until at most `most` bytes are taken: a used one is spared once (second chance, or "clock"). */
  private makeRoom(most: number): void {
    for (let looks = 2 * this.residents.size; looks > 0 && this.total > most; looks--) {
      const [oldest] = this.residents;
      // One that is larger than the limit is never given enough room.
      if (!oldest) return;
      if (oldest.used || oldest.shared || oldest.writing) {
        oldest.used = false;
        this.residents.delete(oldest);
        this.residents.add(oldest);
      } else this.drop(oldest);
    }
  }
}
